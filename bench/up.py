"""How long it takes until a portal is there, embedded and in containers, and what its processes hold while nobody asks for anything."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from bench.machine import MemoryUse, group_members, memory_of
from bench.memory import print_memory
from bench.tables import print_table
from tests.e2e.compose_stack import SERVICES, ComposeStack
from tests.e2e.stack import PROJECT, docker, free_port

SETTLE_SECONDS = 20
FILE_CACHES = Path("/proc/sys/vm/drop_caches")


class Installation(Protocol):
    def up(self) -> object: ...
    def down(self) -> object: ...
    def memory(self) -> dict[str, MemoryUse]: ...
    def remove(self) -> object: ...


class Embedded:
    def __init__(self, folder: Path) -> None:
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "cam_site.settings",
            **dict.fromkeys(("CAM_DATABASE_URL", "CAM_METRICS_DIR", "CAM_REDIS_URL"), ""),
            "CAM_DATA_DIR": str(folder),
            "CAM_PORT": str(free_port()),
            "CAM_DEMO_API_PORT": str(free_port()),
            "CAM_NODE_NAME": folder.name,
            "CAM_SECRET_KEY": "only-for-measuring-" + "0" * 32,
        }

    def up(self) -> str:
        return self._portal("up")

    def down(self) -> str:
        return self._portal("down")

    remove = down

    def memory(self) -> dict[str, MemoryUse]:
        rows = (line.split() for line in self._portal("status").splitlines())
        groups = {row[0]: int(row[3].rstrip(",")) for row in rows if row[1:2] == ["RUNNING"]}
        return {name: memory_of(group_members(pid)) for name, pid in groups.items()}

    def _portal(self, action: str) -> str:
        command = [sys.executable, "manage.py", "portal", action]
        done = subprocess.run(
            command, cwd=PROJECT, env=self._environment, capture_output=True, text=True, check=True
        )
        return done.stdout


class InContainers:
    def __init__(self, folder: Path) -> None:
        self._stack = ComposeStack(folder)
        self._stack.build()
        # As where it was installed: the model is not fetched while the clock runs.
        shutil.copytree(PROJECT / "data/whisper", self._stack.data / "whisper")

    def up(self) -> str:
        return self._stack.up()

    def down(self) -> str:
        return self._stack.compose("down")

    def memory(self) -> dict[str, MemoryUse]:
        names = (*SERVICES, "demo_api")
        return {name: self._memory_of(self._stack.container(name)) for name in names}

    def remove(self) -> None:
        self._stack.remove()

    @staticmethod
    def _memory_of(container: str) -> MemoryUse:
        pids = docker("top", container, "-eo", "pid").split()[1:]
        return memory_of([Path("/proc", pid) for pid in pids])


def run(_options: argparse.Namespace) -> None:
    times = []
    for name, make in (("embedded", Embedded), ("in containers", InContainers)):
        with installation(make) as portal:
            forget_files()
            cold = seconds(portal.up)
            time.sleep(SETTLE_SECONDS)
            uses = portal.memory()
            portal.down()
            warm = seconds(portal.up)
        times.append((name, f"{cold:.1f}", f"{warm:.1f}"))
        print_memory(f"memory: {name}, nobody there", uses)
    print_table(
        "start: seconds until every process is well", ("portal", "first start", "again"), times
    )


@contextmanager
def installation(make: Callable[[Path], Installation]) -> Iterator[Installation]:
    """One in a folder of its own; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cam-up-") as folder:
        made = make(Path(folder))
        try:
            yield made
        finally:
            made.remove()


def forget_files() -> None:
    """A first start reads everything from disk; who is not root has it in memory already."""
    if os.access(FILE_CACHES, os.W_OK):
        os.sync()
        FILE_CACHES.write_text("3")


def seconds(action: Callable[[], object]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started
