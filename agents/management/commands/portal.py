"""The portal as a whole: `manage.py portal up`, and what the Makefile offers besides."""

import os
import socket
import subprocess
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from cam_site import supervision
from cam_site.broker import own_socket
from cam_site.locks import only_one
from cam_site.supervision import Process

START_TIMEOUT_SECONDS = 60
LOCAL_HOSTS = {"127.0.0.1": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::1": "::1", "::": "::1"}  # noqa: S104


class Command(BaseCommand):
    help = "Starts, stops and watches the portal's processes."
    requires_system_checks = ()
    data_dir: Path = settings.CAM_DATA_DIR

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=self.actions)
        parser.add_argument(
            "--purge", action="store_true", help="clean: remove the agents' volumes as well"
        )

    @property
    def actions(self) -> dict[str, Callable[[], None]]:
        return {
            "up": self.up,
            "prepare": self.prepare,
            "down": self.down,
            "restart": self.restart,
            "status": self.status,
            "logs": self.logs,
            "clean": self.clean,
            "uninstall": self.uninstall,
        }

    def handle(self, *_args: Any, **options: Any) -> None:
        self.purge = bool(options["purge"])
        action = options["action"]
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Two people who start or stop at the same moment take turns.
        lock = only_one(self.data_dir / "portal.lock")
        with nullcontext() if action in {"status", "logs"} else lock:
            self.actions[action]()

    def up(self) -> None:
        first_user = StringIO()
        try:
            self.prepare_and_start(first_user)
            self.stdout.write(f"\nCAM is at {self.url}\n{self.mode}")
        finally:
            # Last, where it is seen, and also after a failed start: it is shown only once.
            self.stdout.write(first_user.getvalue())

    def prepare_and_start(self, first_user: StringIO) -> None:
        with self.step("database, workspaces and first user"):
            self.prepare(first_user)
        running = supervision.processes(self.data_dir)
        if running and supervision.started_before_last_change(self.data_dir):
            self.stop("the code or .env has changed since the start: stopping")
            running = []
        if not running:
            self.start()
        with self.step("waiting for every process"):
            self.wait()

    def down(self) -> None:
        self.stop("stopping")
        agents = self.docker(
            "ps", "--quiet", "--filter", f"label=cam.node={settings.CAM_NODE_NAME}"
        )
        if agents:
            self.stdout.write(
                f"{len(agents)} agent containers are left running, without a way out until the "
                "portal is up again; `make clean` removes them"
            )

    def restart(self) -> None:
        self.stop("stopping")
        self.up()

    def status(self) -> None:
        found = supervision.processes(self.data_dir)
        for process in found:
            if process.is_wanted:
                self.stdout.write(f"{process.name:<10} {process.state:<10} {process.description}")
        if not found:
            self.stdout.write("the portal is not running; `make up` starts it")
            return
        self.stdout.write(f"\nCAM is at {self.url}\n{self.mode}")

    def logs(self) -> None:
        files = sorted(str(path) for path in (self.data_dir / "logs").glob("*.log"))
        if not files:
            raise CommandError(f"there are no logs in {self.data_dir / 'logs'} yet")
        os.execvp("tail", ["tail", "-n", "20", "-F", *files])  # noqa: S606

    def clean(self) -> None:
        self.stop("stopping")
        label = f"label=cam.node={settings.CAM_NODE_NAME}"
        containers = self.docker("ps", "--all", "--quiet", "--filter", label)
        volumes = self.docker("volume", "ls", "--quiet", "--filter", label)
        if containers:
            self.docker("rm", "--force", *containers)
        self.stdout.write(f"agent containers removed: {len(containers)}")
        if not self.purge:
            self.stdout.write(
                f"agent homes kept: {len(volumes)} Docker volumes (PURGE=1 removes them, with the "
                "conversations that agents could resume)"
            )
            return
        if volumes:
            self.docker("volume", "rm", *volumes)
        self.stdout.write(f"agent homes removed: {len(volumes)}")

    def uninstall(self) -> None:
        self.purge = True
        self.clean()
        images = self.docker("image", "ls", "--quiet", settings.CAM_AGENT_IMAGE)
        if images:
            self.docker("image", "rm", "--force", settings.CAM_AGENT_IMAGE)
        self.stdout.write(f"agent images removed: {len(images)}")

    def prepare(self, first_user: StringIO | None = None) -> None:
        """The database as the code wants it, the workspace roots, and somebody who can log in."""
        for folder in (settings.CAM_METRICS_DIR, settings.CAM_POLICY_DIR):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0, stdout=self.stdout)
        call_command("sync_roots", stdout=self.stdout)
        call_command("create_admin", stdout=first_user or self.stdout)

    def start(self) -> None:
        # What a killed supervisord has left behind would hold the port and the sockets.
        supervision.stop(self.data_dir)
        if port_is_taken(self.address):
            raise CommandError(
                f"another program listens on port {settings.CAM_PORT}: stop it, or set CAM_PORT in .env"
            )
        flags = {
            "CAM_OWN_BROKER": own_socket(settings.CAM_REDIS_URL, self.data_dir) is not None,
            "CAM_DEMO_MODE": settings.CAM_DEMO_MODE,
        }
        try:
            supervision.start(self.data_dir, flags)
        except subprocess.CalledProcessError as exc:
            raise CommandError(f"supervisord does not start: {exc.stderr.strip()}") from exc

    def stop(self, title: str) -> None:
        with self.step(title):
            supervision.stop(self.data_dir)

    def wait(self) -> None:
        """Until the login page answers and every process has stayed up. Raises CommandError with their logs."""

        def is_settled() -> bool:
            found = [p for p in supervision.processes(self.data_dir) if p.is_wanted]
            if any(p.state == "FATAL" for p in found):
                return True
            return bool(found) and all(p.is_steady for p in found) and self.web_answers()

        is_in_time = supervision.wait_until(is_settled, START_TIMEOUT_SECONDS)
        found = supervision.processes(self.data_dir)
        bad = [p for p in found if p.is_wanted and not p.is_steady]
        if bad or not is_in_time:
            raise CommandError(self.explain(bad))

    def explain(self, bad: list[Process]) -> str:
        if not bad:
            return f"{self.url} does not answer; `make logs` shows why"
        told = [f"{p.name} is {p.state}; its log ends:\n{self.tail(p.name)}" for p in bad]
        return "\n".join([*told, "mend what the logs say, then `make restart`"])

    def tail(self, name: str) -> str:
        return supervision.log_tail(self.data_dir, name)

    def web_answers(self) -> bool:
        named = [host for host in settings.ALLOWED_HOSTS if host != "*"]
        host = named[0].removeprefix(".") if named else "localhost"
        return supervision.web_answers(self.address, host_header=host)

    @property
    def address(self) -> tuple[str, int]:
        return LOCAL_HOSTS.get(settings.CAM_HOST, settings.CAM_HOST), settings.CAM_PORT

    @property
    def url(self) -> str:
        host = "localhost" if settings.CAM_HOST in LOCAL_HOSTS else settings.CAM_HOST
        return f"http://{host}:{settings.CAM_PORT}"

    @property
    def mode(self) -> str:
        if not settings.CAM_DEMO_MODE:
            return f"agents call {settings.CAM_UPSTREAM_URL}"
        return (
            "demo mode: a built-in stand-in answers instead of Claude, and nothing costs money.\n"
            "To go real: put ANTHROPIC_API_KEY=... or CLAUDE_CODE_OAUTH_TOKEN=... into .env, "
            "then `make restart`"
        )

    def docker(self, *arguments: str) -> list[str]:
        """The words that Docker's client answers; none, with a line about it, where it fails."""
        try:
            done = subprocess.run(
                ["docker", *arguments], capture_output=True, text=True, check=True
            )
        except FileNotFoundError:
            self.stderr.write("Docker's client is not installed: containers are left as they are")
            return []
        except subprocess.CalledProcessError as exc:
            self.stderr.write(f"docker {' '.join(arguments[:2])}: {exc.stderr.strip()}")
            return []
        return done.stdout.split()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.stdout.write(f"  {title} ({time.monotonic() - started:.1f} s)")


def port_is_taken(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True
