"""A PostgreSQL server of one's own in a folder, behind a socket: no port, no password, nobody else's data."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNPRIVILEGED = "postgres"
USER = "cam"


def find_binaries() -> Path | None:
    """The folder with the newest server's `initdb`, as Debian and Ubuntu install it."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(found, key=lambda path: int(path.parts[-3]), default=None)
    return newest.parent if newest else None


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """Runs a server in `folder`, which it makes, and yields the URL of an empty database.

    Root's server runs as the user postgres. It is stopped without ceremony, and the folder removed.
    """
    binaries = find_binaries()
    assert binaries is not None, "PostgreSQL's server is not installed: apt-get install postgresql"
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, UNPRIVILEGED, UNPRIVILEGED)
    data = folder / "data"
    _run(
        str(binaries / "initdb"), "--pgdata", str(data), "--username", USER, "--auth=trust",
        "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
    )  # fmt: skip
    control = (str(binaries / "pg_ctl"), "--pgdata", str(data), "--wait")
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}'"
    try:
        _run(*control, "--log", str(folder / "log"), "--options", options, "start")
        yield f"postgres://{USER}@/{folder}/postgres"
    finally:
        if (data / "postmaster.pid").exists():
            _run(*control, "--mode=immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _run(*command: str) -> None:
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    done = subprocess.run(
        command,
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
