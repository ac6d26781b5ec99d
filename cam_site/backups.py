"""A backup: a folder with every row, the usage spool, the settings, and what proves that the rows are whole.

Without the settings' keys nothing that is stored encrypted can be read; `scripts/take_keys` takes them over.
"""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS

from cam_site import databases
from cam_site.database_copy import Contents, copy_database

DATABASE = "cam.sqlite3"
MANIFEST = "manifest.json"
SPOOL = "usage"
ENVIRONMENT = "env"
SNAPSHOT, BACKUP = "snapshot", "backup"

Tell = Callable[[str, Contents], object]


class BackupError(Exception):
    """`str()` says what is wrong with the backup, or where it was to go."""


def make_backup(folder: Path, tell: Tell) -> None:
    """Into `folder`, which must not be there yet; whole or not there. The portal may go on meanwhile.

    Every row comes from the same moment, and from whichever database into an SQLite file. Raises
    BackupError or CopyError.
    """
    if folder.exists():
        raise BackupError(f"{folder} is there already")
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=".backup-") as scratch:
        made = Path(scratch) / folder.name
        made.mkdir(mode=0o700)
        with (
            databases.snapshot(SNAPSHOT),
            databases.connected(BACKUP, f"sqlite:///{made / DATABASE}", is_journalled=False),
        ):
            copy_database(SNAPSHOT, BACKUP, tell)
        if settings.CAM_METRICS_DIR.is_dir():
            shutil.copytree(settings.CAM_METRICS_DIR, made / SPOOL)
        if (settings.BASE_DIR / ".env").is_file():
            shutil.copy(settings.BASE_DIR / ".env", made / ENVIRONMENT)
        manifest = {
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "sha256": {DATABASE: sha256_of(made / DATABASE)},
        }
        (made / MANIFEST).write_text(json.dumps(manifest, indent=1))
        made.rename(folder)


def restore_backup(folder: Path, tell: Tell) -> None:
    """Into an installation without users, of this version or a newer one than the backup's.

    Raises BackupError or CopyError; then the database is as it was.
    """
    check_backup(folder)
    settings.CAM_DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="cam-restore-") as scratch:
        copied = shutil.copy(folder / DATABASE, scratch)
        with databases.connected(BACKUP, f"sqlite:///{copied}"):
            call_command("migrate", database=BACKUP, interactive=False, verbosity=0)
            copy_database(BACKUP, DEFAULT_DB_ALIAS, tell)
    if (folder / SPOOL).is_dir():
        shutil.copytree(folder / SPOOL, settings.CAM_METRICS_DIR, dirs_exist_ok=True)


def check_backup(folder: Path) -> None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        wanted = dict(manifest["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise BackupError(f"{folder} is no backup: {exc}") from exc
    for name, digest in wanted.items():
        path = folder / Path(name).name
        if not path.is_file() or sha256_of(path) != digest:
            raise BackupError(f"{path} is damaged or missing: it is not what was backed up")


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
