"""What the commands share that copy whole databases."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError

from cam_site import supervision
from cam_site.backups import BackupError
from cam_site.database_copy import CopyError


def require_portal_down() -> None:
    if supervision.processes(settings.CAM_DATA_DIR):
        raise CommandError("the portal runs, and would write on meanwhile: make down")


@contextmanager
def refused(what: str) -> Iterator[None]:
    """Whatever keeps the copy from being made is the command's own error, after the words `what`."""
    try:
        yield
    except (BackupError, CopyError, DatabaseError, OSError) as exc:
        raise CommandError(f"{what}: {str(exc).strip()}") from exc
