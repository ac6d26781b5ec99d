"""Signs of life: a file a process, touched while it gets on with its work."""

import time
from pathlib import Path

from django.conf import settings

PROCESSES = ("worker", "voice", "beat", "bridge")
STALE_SECONDS = 60


def path_of(process: str) -> Path:
    return Path(settings.CAM_HEARTBEAT_DIR) / process


def touch(process: str) -> None:
    """A disk that is full or away must not end the process that says that it lives."""
    path = path_of(process)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch()
    except OSError:
        return


def age_seconds(path: Path) -> float | None:
    """Since the last sign; None where there never was one."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return None
