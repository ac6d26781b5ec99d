from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from agents.management.copying import refused
from cam_site.backups import make_backup
from cam_site.database_copy import Contents


class Command(BaseCommand):
    help = "Backs up every row and the usage spool into a folder; the portal may go on meanwhile."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder", nargs="?", type=Path, help="by default in `backups` in the data directory"
        )

    def handle(self, *_args: Any, folder: Path | None, **_options: Any) -> None:
        name = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
        folder = (folder or settings.CAM_DATA_DIR / "backups" / name).absolute()
        self.rows = 0
        with refused("no backup was made"):
            make_backup(folder, self.count)
        self.stdout.write(f"{self.rows:,} rows, proven to be the same, are in {folder}")

    def count(self, _table: str, contents: Contents) -> None:
        self.rows += contents.rows
