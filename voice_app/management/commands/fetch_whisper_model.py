"""Brings a speech model to this machine; voice_app.fetching tells where from."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from voice_app.fetching import FetchError, fetch_model
from voice_app.services import model_folder
from voice_app.whisper import ModelName


class Command(BaseCommand):
    help = "Fetch a speech model. Needs no database."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", choices=list(ModelName), default="base")
        parser.add_argument(
            "--from", dest="source", type=Path, help="a folder that holds the model already"
        )

    def handle(self, *_args: Any, name: str, source: Path | None, **_options: Any) -> None:
        settings.CAM_DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            fetch_model(name, model_folder(name), source=source, tell=self.stdout.write)
        except FetchError as exc:
            raise CommandError(str(exc)) from exc
