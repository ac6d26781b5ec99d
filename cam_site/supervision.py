"""The portal's processes under supervisord: start, stop, and what they are doing.

Functions here take the data directory and say nothing; `manage.py portal` does the talking.
"""

import http.client
import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

BASE_DIR = Path(__file__).resolve().parent.parent
# In the environment of every process that we start, so that those of a killed supervisord are found again.
MARK = "CAM_SUPERVISED_IN"
STOP_TIMEOUT_SECONDS = 45
POLL_SECONDS = 0.1
# supervisord starts everything within the first of these; a process that starts later has failed before. One that fails
# at its start has done so after the second, also on a slow machine.
FIRST_START_SECONDS = 4
PROVEN_SECONDS = 15
NEEDS_RESTART = (
    ".env",
    "supervisord.conf",
    "requirements/*.txt",
    "staticfiles/staticfiles.json",
    "agents/**/*.py",
    "cam_site/**/*.py",
    "metrics_app/**/*.py",
    "voice_app/**/*.py",
    "templates/**/*.html",
)


@dataclass(frozen=True)
class Process:
    name: str
    state: str  # supervisord's word: RUNNING, STARTING, BACKOFF, FATAL, STOPPED, ...
    description: str
    uptime_seconds: float
    is_restarted: bool

    @property
    def is_steady(self) -> bool:
        """Runs, and has shown that it stays up if it had to be started again."""
        has_proven = not self.is_restarted or self.uptime_seconds >= PROVEN_SECONDS
        return self.state == "RUNNING" and has_proven

    @property
    def is_wanted(self) -> bool:
        """False for a process that these settings do not need, such as the demo API outside demo mode."""
        return self.state != "STOPPED"


def processes(data_dir: Path) -> list[Process]:
    """What supervisord says of each process; empty where none answers."""
    if not data_dir.is_dir():
        return []
    with _rpc(data_dir) as server:
        try:
            found = server.supervisor.getAllProcessInfo()
            started = (data_dir / "supervisord.pid").stat().st_mtime
        except (OSError, http.client.HTTPException, xmlrpc.client.Fault):
            return []
    return [
        Process(
            name=row["name"],
            state=row["statename"],
            description=row["description"],
            uptime_seconds=row["now"] - row["start"],
            is_restarted=row["start"] - started > FIRST_START_SECONDS,
        )
        for row in cast("list[dict[str, Any]]", found)
    ]


def start(data_dir: Path, flags: Mapping[str, bool]) -> None:
    """Start supervisord in the background. Raises CalledProcessError, with its words in `stderr`."""
    (data_dir / "logs").mkdir(exist_ok=True)
    environment = {name: str(value).lower() for name, value in flags.items()}
    subprocess.run(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(BASE_DIR / "supervisord.conf")],
        cwd=data_dir,
        env={**os.environ, **environment, MARK: str(data_dir)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )


def stop(data_dir: Path) -> bool:
    """Stop supervisord and all that it started, also where it was killed itself. False where nothing ran."""
    with _rpc(data_dir) as server:
        try:
            server.supervisor.shutdown()
        except (OSError, http.client.HTTPException, xmlrpc.client.Fault):
            pids = marked_pids(data_dir)
            _signal_all(pids, signal.SIGTERM)
        else:
            pids = marked_pids(data_dir)
    was_running = bool(pids)
    if not wait_until(lambda: not marked_pids(data_dir), STOP_TIMEOUT_SECONDS):
        _signal_all(marked_pids(data_dir), signal.SIGKILL)
    return was_running


def marked_pids(data_dir: Path) -> list[int]:
    """Our processes of this data directory, supervisord included; zombies are not."""
    mark = f"{MARK}={data_dir}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            # A zombie's environment is empty.
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def started_before_last_change(data_dir: Path) -> bool:
    """Whether the code or .env is newer than the running supervisord."""
    try:
        started = (data_dir / "supervisord.pid").stat().st_mtime
    except FileNotFoundError:
        return True
    return any(
        path.stat().st_mtime > started
        for pattern in NEEDS_RESTART
        for path in BASE_DIR.glob(pattern)
    )


def wait_until(is_true: Callable[[], bool], timeout_seconds: float) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def web_answers(address: tuple[str, int], *, host_header: str) -> bool:
    """Whether the login page comes with status 200."""
    connection = http.client.HTTPConnection(*address, timeout=10)
    try:
        # The header that a proxy sets: without it a site with CAM_HTTPS redirects.
        headers = {"Host": host_header, "X-Forwarded-Proto": "https"}
        connection.request("GET", "/accounts/login/", headers=headers)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def log_tail(data_dir: Path, name: str, lines: int = 15) -> str:
    try:
        text = (data_dir / "logs" / f"{name}.log").read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


@contextmanager
def _rpc(data_dir: Path) -> Iterator[xmlrpc.client.ServerProxy]:
    """supervisord's API on its socket, reached through a descriptor because paths of sockets are short."""
    folder = os.open(data_dir, os.O_PATH | os.O_DIRECTORY)
    transport = SupervisorTransport(serverurl=f"unix:///proc/self/fd/{folder}/supervisor.sock")
    try:
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
            yield server
    finally:
        os.close(folder)


def _signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
