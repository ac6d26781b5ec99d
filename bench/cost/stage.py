"""What the benchmark of costs runs on: databases with a month of calls, and a broker for doorbells."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import perf_counter

from bench.cost.database import Database
from bench.cost.rows import Rates
from bench.cost.world import DAYS, World, make_world
from bench.tables import print_table
from tests.e2e.postgres import find_binaries, postgres_server
from tests.e2e.stack import PROJECT, wait_for

SEED = 7


@dataclass(frozen=True, slots=True)
class Stage:
    """The calls are of the 30 UTC days up to `now`."""

    folder: Path
    databases: list[Database]
    world: World
    rates: Rates
    now: datetime

    @property
    def days(self) -> tuple[date, date]:
        """The first, and the one after the last."""
        end = self.now.date() + timedelta(days=1)
        return end - timedelta(days=DAYS), end


@contextmanager
def cost_stage(rows: int) -> Iterator[Stage]:
    """Yields databases without rows; in the end nothing of it is left."""
    with ExitStack() as cleanup:
        folder = Path(tempfile.mkdtemp(prefix="cam-bench-"))
        cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o711)  # PostgreSQL's user passes through
        broker_url = cleanup.enter_context(_broker(folder / "broker"))
        urls = {"SQLite": ""}
        if find_binaries() is None:
            print("cost: PostgreSQL's server is not installed, so it is left out", flush=True)
        else:
            urls["PostgreSQL"] = cleanup.enter_context(postgres_server(folder / "postgresql"))
        databases = []
        for name, url in urls.items():
            databases.append(Database(name, folder / name, url=url, broker_url=broker_url))
            cleanup.callback(databases[-1].close)
        now = datetime.now(UTC)
        cleanup.callback(_ignore_signals)
        yield Stage(folder, databases, make_world(rows, now, SEED), Rates(now), now)


def load(stage: Stage, rows: int) -> None:
    """Fill the databases, both at once, then have each build its sums."""
    for database in stage.databases:
        database.begin("load.load", rows, stage.now, SEED)
    for database in stage.databases:
        database.end()
    table = []
    for database in stage.databases:
        began = perf_counter()
        database.ask("load.build_rollups")
        seconds = perf_counter() - began
        database.ask("pages.check_totals")
        version, *counts = database.ask("load.describe")
        table.append((version, *(f"{count:,}" for count in counts), f"{seconds:.1f}"))
    print_table(
        f"cost: what is in the databases, of {DAYS} days and {len(stage.world.agents)} agents",
        ("database", "calls", "sums by hour", "sums by day", "s to rebuild the sums"),
        table,
    )


@contextmanager
def _broker(folder: Path) -> Iterator[str]:
    """The bundled Valkey: stored calls ring the pages that show them."""
    socket = folder / "valkey.sock"
    environment = os.environ | {
        "CAM_DATA_DIR": str(folder),
        "CAM_REDIS_URL": f"unix://{socket}",
        "CAM_SECRET_KEY": "only-for-benchmarks-" + "0" * 32,
    }
    folder.mkdir()
    command = [sys.executable, "manage.py", "run_valkey"]
    process = subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_for(socket.exists, message="the broker does not start")
        yield f"unix://{socket}"
    finally:
        process.kill()
        process.wait()


def _ignore_signals() -> None:
    """A second Ctrl+C would leave processes behind."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
