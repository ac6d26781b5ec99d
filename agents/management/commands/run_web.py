import os
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Serves the pages on CAM_HOST and CAM_PORT; with CAM_DEBUG it reloads when the code changes."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        if settings.DEBUG:
            host = f"[{settings.CAM_HOST}]" if ":" in settings.CAM_HOST else settings.CAM_HOST
            call_command("runserver", f"{host}:{settings.CAM_PORT}")
            return
        os.execv(  # noqa: S606
            sys.executable,
            [
                *(sys.executable, "-m", "daphne"),
                *("-b", settings.CAM_HOST, "-p", str(settings.CAM_PORT)),
                "cam_site.asgi:application",
            ],
        )
