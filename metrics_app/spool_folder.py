"""The files of the usage spool, as they lie in its folder. Pure but for the look at it."""

import os
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SpoolFile:
    name: str
    path: str
    size: int
    identity: str
    modified_at: float
    is_newest: bool

    def has_been_still(self, span: timedelta, now: datetime) -> bool:
        return now.timestamp() - self.modified_at > span.total_seconds()


def list_spool(folder: Path) -> list[SpoolFile]:
    """The spool's regular files, oldest first by name; empty where the folder is not there yet."""
    try:
        with os.scandir(folder) as entries:
            found = [
                (entry, entry.stat(follow_symlinks=False))
                for entry in entries
                if entry.name.startswith("usage-") and entry.name.endswith(".jsonl")
            ]
    except FileNotFoundError:
        return []
    regular = sorted(
        (pair for pair in found if stat.S_ISREG(pair[1].st_mode)), key=lambda pair: pair[0].name
    )
    return [
        SpoolFile(
            name=entry.name,
            path=entry.path,
            size=info.st_size,
            identity=f"{info.st_dev}:{info.st_ino}",
            modified_at=info.st_mtime,
            is_newest=entry is regular[-1][0],
        )
        for entry, info in regular
    ]
