from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from agents.management.copying import refused, require_portal_down
from cam_site.backups import restore_backup
from cam_site.database_copy import Contents


class Command(BaseCommand):
    help = "Restores a backup into an installation that has no users yet, and proves that it is the same."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="what `backup` made")

    def handle(self, *_args: Any, folder: Path, **_options: Any) -> None:
        require_portal_down()
        with refused("nothing was restored"):
            restore_backup(folder, self.tell)

    def tell(self, table: str, contents: Contents) -> None:
        if contents.rows:
            self.stdout.write(f"{table}: {contents}")
