"""install.sh and make on a fresh clone: what a newcomer does, from nothing to a portal and back."""

import os
import re
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import PROJECT, free_port, log_in, secret_key

# What the portal of this machine or a test's own settings would otherwise decide.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("CAM_", "ANTHROPIC_", "CLAUDE_", "DJANGO_", "GIT_", "MAKE"))
}


class Site:
    def __init__(self, folder: Path):
        self.folder = folder
        self.port = free_port()
        self.node = f"install-test-{os.getpid()}"
        self.data = folder / "data"

    def run(self, *command: str, timeout: float = 300) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def processes(self) -> list[str]:
        """The command of every process that works in this folder."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if (
                    entry.name.isdigit()
                    and str(self.folder).encode() in (entry / "cmdline").read_bytes()
                ):
                    found.append((entry / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
        return found

    def containers(self) -> list[str]:
        return self.run("docker", "ps", "-aq", "--filter", f"label=cam.node={self.node}").split()

    def users(self) -> list[tuple[str, str, int]]:
        with closing(sqlite3.connect(self.data / "cam.sqlite3")) as database:
            return database.execute(
                "select username, password, is_superuser from auth_user"
            ).fetchall()


def clone(folder: Path) -> None:
    """The project's files as a fresh clone has them: without what was installed or made here."""
    ignored = (PROJECT / ".gitignore").read_text().split()
    made_here = {name.strip("/") for name in ignored if name.startswith("/")} | {".git"}
    for entry in PROJECT.iterdir():
        if entry.name in made_here:
            continue
        if entry.is_dir():
            shutil.copytree(
                entry, folder / entry.name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy2(entry, folder / entry.name)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("clone"))
    clone(site.folder)
    (site.folder / ".env").write_text(
        f"CAM_PORT={site.port}\nCAM_DEMO_API_PORT={free_port()}\nCAM_NODE_NAME={site.node}"
    )
    yield site
    subprocess.run(["make", "clean", "PURGE=1"], cwd=site.folder, env=ENVIRONMENT, check=False)


@pytest.fixture(scope="module")
def first_install(site):
    return site.run("./install.sh", "--yes")


def log_in_as_told(output: str) -> httpx.Response:
    """The page after a login with the user and password that the installation printed."""
    name, password = re.search(r"^user\s+(\S+)\npassword\s+(\S+)", output, re.MULTILINE).groups()
    url = re.search(r"^CAM is at (\S+)$", output, re.MULTILINE)[1]
    return log_in(url, name, password)


def test_first_run_ends_with_an_address_and_a_password_that_work(site, first_install):
    assert f"CAM is at http://localhost:{site.port}" in first_install
    assert "demo mode" in first_install
    page = log_in_as_told(first_install)
    assert page.status_code == 200
    assert "/accounts/login/" not in str(page.url)


def test_settings_are_kept_and_readable_by_their_owner_only(site, first_install):
    lines = (site.folder / ".env").read_text().splitlines()
    assert lines[0] == f"CAM_PORT={site.port}"
    assert lines[2] == f"CAM_NODE_NAME={site.node}"
    assert re.fullmatch(r"CAM_SECRET_KEY=\S{50,}", lines[3])
    assert (site.folder / ".env").stat().st_mode & 0o777 == 0o600
    assert site.data.stat().st_mode & 0o777 == 0o700


def test_every_process_runs(site, first_install):
    status = site.run("make", "status")
    for name in ("web", "worker", "voice", "beat", "bridge", "gateway", "valkey", "demo_api"):
        assert re.search(rf"^{name}\s+RUNNING", status, re.MULTILINE), status


def test_second_run_is_quick_and_changes_nothing(site, first_install):
    before = (site.folder / ".env").read_text(), site.users(), pids(site)
    started = time.monotonic()
    output = site.run("./install.sh", "--yes")
    assert time.monotonic() - started < 15
    for line in (
        "Portal environment: as requirements/base.txt says",
        "Gateway environment: as requirements/gateway.txt says",
        "cam-agent:latest is up to date",
        "Settings: as it was",
        "Static files: as they were",
    ):
        assert line in output
    assert ((site.folder / ".env").read_text(), site.users(), pids(site)) == before
    assert "password" not in output


def pids(site: Site) -> list[str]:
    return re.findall(r"pid (\d+)", site.run("make", "status"))


def test_killed_bridge_comes_back_and_nothing_else_restarts(site, first_install):
    before = dict(
        re.findall(r"^(\w+)\s+RUNNING\s+pid (\d+)", site.run("make", "status"), re.MULTILINE)
    )
    os.kill(int(before["bridge"]), 9)
    deadline = time.monotonic() + 30
    while True:
        after = dict(
            re.findall(r"^(\w+)\s+RUNNING\s+pid (\d+)", site.run("make", "status"), re.MULTILINE)
        )
        if "bridge" in after and after["bridge"] != before["bridge"]:
            break
        assert time.monotonic() < deadline, site.run("make", "status")
        time.sleep(0.2)
    assert before | {"bridge": ""} == after | {"bridge": ""}


def test_doctor_finds_everything_well(site, first_install):
    said = site.run("make", "doctor")
    assert "TROUBLE" not in said
    assert re.search(r"^ok +gateway +alive", said, re.MULTILINE)


def test_backup_is_restored_into_an_empty_installation(site, first_install):
    made = Path(re.search(r"are in (\S+)$", site.run("make", "backup"), re.MULTILINE)[1])
    env_file = site.folder / ".env"
    before = site.users(), secret_key(env_file)
    site.run("make", "down")
    backup = made.rename(site.folder / "backup")
    shutil.rmtree(site.data)
    env_file.write_text(env_file.read_text().replace(before[1], "another-key-" + "0" * 40))
    site.run("make", "restore", f"FROM={backup}")
    assert (site.users(), secret_key(env_file)) == before
    site.run("make", "up")
    assert "/accounts/login/" not in str(log_in_as_told(first_install).url)
    refused = subprocess.run(
        ["make", "restore", f"FROM={backup}"],
        cwd=site.folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert refused.returncode != 0
    assert "make down" in refused.stderr


def test_restart_takes_a_key_from_env(site, first_install):
    with (site.folder / ".env").open("a") as file:
        file.write("ANTHROPIC_API_KEY=sk-test-0123456789\n")
    output = site.run("make", "restart")
    assert "demo mode" not in output
    assert "demo_api" not in site.run("make", "status")


def test_down_leaves_no_process(site, first_install):
    site.run("make", "down")
    assert site.processes() == []
    assert "not running" in site.run("make", "status")


def test_clean_leaves_no_container_and_the_homes_until_purged(site, first_install):
    label = f"cam.node={site.node}"
    volume = f"{site.node}-home"
    image = "cam-agent:latest"
    site.run("docker", "volume", "create", "--label", label, volume)
    site.run(
        "docker", "create", "--label", label, "--label", "cam.agent=x", "--network", "none", image
    )
    site.run("make", "clean")
    assert site.containers() == []
    assert volume in site.run("docker", "volume", "ls", "-q")
    site.run("make", "clean", "PURGE=1")
    assert volume not in site.run("docker", "volume", "ls", "-q")


def test_unknown_argument_is_refused(site):
    done = subprocess.run(
        ["./install.sh", "--fast"], cwd=site.folder, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "--fast" in done.stderr


def test_wrong_setting_stops_the_start_and_is_named(site, first_install):
    done = subprocess.run(
        ["make", "up"],
        cwd=site.folder,
        env=ENVIRONMENT | {"CAM_PORT": "eighty"},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "CAM_PORT='eighty'" in done.stdout + done.stderr
