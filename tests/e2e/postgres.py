"""A PostgreSQL server of one's own in a folder, behind a socket: no port, no password, nobody else's data.

`python -m tests.e2e.postgres COMMAND...` runs a command, such as pytest, with CAM_TEST_DATABASE_URL set to one.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.e2e.stack import wait_for

UNPRIVILEGED = "postgres"
USER = "cam"


def find_binaries() -> Path | None:
    """The folder with the newest server's `initdb`, as Debian and Ubuntu install it."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(found, key=lambda path: int(path.parts[-3]), default=None)
    return newest.parent if newest else None


class PostgresServer:
    """Makes `folder`, with an empty database; root's server runs as the user postgres."""

    def __init__(self, folder: Path) -> None:
        binaries = find_binaries()
        assert binaries is not None, (
            "PostgreSQL's server is not installed: apt-get install postgresql"
        )
        self._binaries = binaries
        self._folder = folder
        self._data = folder / "data"
        self._is_running = False
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(folder, UNPRIVILEGED, UNPRIVILEGED)
        self._run(
            "initdb", "--pgdata", str(self._data), "--username", USER, "--auth=trust",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip

    @property
    def url(self) -> str:
        return f"postgres://{USER}@/{self._folder}/postgres"

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-5000:]

    def start(self) -> None:
        """Returns when it answers, after it has recovered from a kill."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self._folder}'"
        log = str(self._folder / "log")
        self._control("--log", log, "--options", options, "start")
        self._is_running = True

    def kill(self) -> None:
        """SIGKILL to the postmaster and all that it has forked, as a power cut would end them."""
        self._is_running = False
        postmaster = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGSTOP)
        family = [postmaster, *_children(postmaster)]
        for process in family:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        wait_for(lambda: not any(Path(f"/proc/{process}").exists() for process in family))

    def stop(self) -> None:
        """Without ceremony."""
        if self._is_running:
            self._is_running = False
            self._control("--mode=immediate", "stop")

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "--pgdata", str(self._data), "--wait", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        user = UNPRIVILEGED if os.geteuid() == 0 else None
        done = subprocess.run(
            [str(self._binaries / program), *arguments],
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout


def _children(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # After the program's name, which is in brackets: state, parent
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """Runs a server in `folder` and yields the URL of its empty database; the folder is removed."""
    server = PostgresServer(folder)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def folder_for_server() -> Iterator[Path]:
    """One that the server's user reaches, with a name short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="cam-pg-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "server"


def main(command: list[str]) -> int:
    with folder_for_server() as folder, postgres_server(folder) as url:
        return subprocess.call(command, env=os.environ | {"CAM_TEST_DATABASE_URL": url})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
