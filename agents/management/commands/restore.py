from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from cam_site import supervision
from cam_site.backups import BackupError, restore_backup
from cam_site.database_copy import Contents, CopyError


class Command(BaseCommand):
    help = "Restores a backup into an installation that has no users yet, and proves that it is the same."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="what `backup` made")

    def handle(self, *_args: Any, folder: Path, **_options: Any) -> None:
        if supervision.processes(settings.CAM_DATA_DIR):
            raise CommandError("the portal runs: make down")
        try:
            restore_backup(folder, self.tell)
        except (BackupError, CopyError, OSError) as exc:
            raise CommandError(f"nothing was restored: {exc}") from exc
        except DatabaseError as exc:
            raise CommandError(f"nothing was restored: {str(exc).strip()}") from exc

    def tell(self, table: str, contents: Contents) -> None:
        if contents.rows:
            self.stdout.write(f"{table}: {contents}")
