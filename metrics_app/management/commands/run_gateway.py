import os
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

# The gateway has no use for what opens the portal's own doors.
WITHHELD = frozenset(
    {"CAM_SECRET_KEY", "CAM_DATABASE_URL", "CAM_REDIS_URL", "CAM_EMAIL_URL", "VIRTUAL_ENV"}
)


def make_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The gateway's environment: what is inherited, with the settings' values over it."""
    kept = {name: value for name, value in inherited.items() if name not in WITHHELD}
    return kept | {
        "CAM_DATA_DIR": str(settings.CAM_DATA_DIR),
        "CAM_METRICS_DIR": str(settings.CAM_METRICS_DIR),
        "CAM_UPSTREAM_URL": settings.CAM_UPSTREAM_URL,
        "CAM_DNS_SERVERS": ",".join(settings.CAM_DNS_SERVERS),
        "CAM_PRIVATE_HOSTS": ",".join(settings.CAM_PRIVATE_HOSTS),
        "CAM_GATEWAY_PORT": str(settings.CAM_GATEWAY_PORT),
        "ANTHROPIC_API_KEY": settings.ANTHROPIC_API_KEY,
        "CLAUDE_CODE_OAUTH_TOKEN": settings.CLAUDE_CODE_OAUTH_TOKEN,
    }


class Command(BaseCommand):
    help = "Run the gateway, the agents' only way out, in place of this process."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        python = str(settings.CAM_GATEWAY_PYTHON)
        if not os.access(python, os.X_OK):
            raise CommandError(
                f"{python} cannot be run: run ./install.sh, or set CAM_GATEWAY_PYTHON"
            )
        os.chdir(settings.BASE_DIR)
        environment = make_environment(os.environ)
        os.execve(python, [python, "-m", "metrics_app.gateway"], environment)  # noqa: S606
