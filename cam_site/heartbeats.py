"""Signs of life: a file a process, touched while it gets on with its work."""

import time

from django.conf import settings

PROCESSES = ("worker", "voice", "beat", "bridge")
STALE_SECONDS = 60


def touch(process: str) -> None:
    """A disk that is full or away must not end the process that says that it lives."""
    folder = settings.CAM_HEARTBEAT_DIR
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / process).touch()
    except OSError:
        return


def age_seconds(process: str) -> float | None:
    """Since the last sign; None where there never was one."""
    try:
        return time.time() - (settings.CAM_HEARTBEAT_DIR / process).stat().st_mtime
    except OSError:
        return None
