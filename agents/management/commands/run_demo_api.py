"""Serves the scripted stand-in for the model API; agents.demo_api tells what it answers."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from agents.demo_api.server import DemoServer


class Command(BaseCommand):
    help = "Serve the demo's stand-in for the model API on loopback. Needs no database."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
        parser.add_argument("--port", default=settings.CAM_DEMO_API_PORT)
        parser.add_argument(
            "--pace",
            default=settings.CAM_DEMO_API_PACE,
            help="words a second of an answer, 0 for no delay",
        )
        parser.add_argument(
            "--record", type=Path, help="a file to note each message in, as it begins and ends"
        )

    def handle(
        self,
        *_args: Any,
        host: str,
        port: str | int,
        pace: str | float,
        record: Path | None,
        **_options: Any,
    ) -> None:
        try:
            server = DemoServer(read_port(port), read_pace(pace), host=host, record=record)
        except OSError as exc:
            raise CommandError(f"cannot listen on port {port}: {exc}") from exc
        self.stdout.write(f"Demo model API on http://{host}:{server.server_port}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            server.server_close()


def read_port(value: str | int) -> int:
    text = str(value)
    if not text.isdecimal() or int(text) > 65535:
        raise CommandError(f"CAM_DEMO_API_PORT or --port {text[:100]!r}: expected 0 to 65535")
    return int(text)


def read_pace(value: str | float) -> float:
    try:
        pace = float(value)
    except ValueError:
        pace = -1.0
    if not 0 <= pace <= 1e6:
        raise CommandError(f"CAM_DEMO_API_PACE or --pace {str(value)[:100]!r}: expected 0 to 1e6")
    return pace
