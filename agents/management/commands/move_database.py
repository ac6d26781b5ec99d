from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from agents.management.copying import refused, require_portal_down
from cam_site import databases
from cam_site.database_copy import Contents, copy_database

TARGET = "target"


class Command(BaseCommand):
    help = "Copies everything to an empty database, such as PostgreSQL, and proves that it is the same there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", help="such as postgres://user:password@host/name")

    def handle(self, *_args: Any, url: str, **_options: Any) -> None:
        require_portal_down()
        try:
            with refused("nothing was copied"), databases.connected(TARGET, url):
                copy_database(DEFAULT_DB_ALIAS, TARGET, self.tell)
        except (ValueError, ImproperlyConfigured) as exc:
            raise CommandError(f"that is no database: {exc}") from exc
        self.stdout.write("Now put CAM_DATABASE_URL with that address into .env, and make up.")

    def tell(self, table: str, contents: Contents) -> None:
        if contents.rows:
            self.stdout.write(f"{table}: {contents}, the same in both")
