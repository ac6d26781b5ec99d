"""A whole portal in a folder of its own, on free ports: real processes, each killable."""

import logging
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Self
from uuid import uuid4

import environ
import httpx
import psycopg

logging.getLogger("httpx").setLevel(logging.WARNING)

PROJECT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"
REDIS_PASSWORD = "only-for-tests"
AGENT_UID = 1000
# One process for all of it: Django takes seconds to start.
PREPARATION = f"""
from django.contrib.auth.models import User
from django.core.management import call_command
call_command("collectstatic", interactive=False, verbosity=0)
call_command("migrate", interactive=False, verbosity=0)
call_command("sync_roots")
for username in ("alice", "bob"):
    User.objects.create_user(username, "", "{PASSWORD}")
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_for(what, *, seconds=30.0, every=0.05, message="it did not happen"):
    """The first true value of `what()`; fails with `message` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > deadline:
            text = message() if callable(message) else message
            raise AssertionError(f"{text} (waited {seconds} s)")
        time.sleep(every)


def is_ready(url: str) -> bool:
    """Whether the portal there answers, with its database and broker."""
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def log_in(url: str, username: str, password: str) -> httpx.Response:
    """The page that comes then."""
    with httpx.Client(base_url=url, follow_redirects=True, timeout=20) as browser:
        browser.get("/accounts/login/")
        token = browser.cookies["csrftoken"]
        form = {"login": username, "password": password, "csrfmiddlewaretoken": token}
        return browser.post("/accounts/login/", data=form, headers={"Referer": url})


def secret_key(env_file: Path) -> str:
    return re.search(r"^CAM_SECRET_KEY=(\S+)$", env_file.read_text(), re.MULTILINE)[1]


class Stack:
    """Starts and kills the portal's processes; everything it makes carries its own node name."""

    def __init__(
        self, folder: Path, *, database_url: str = "", has_redis: bool = False, **settings: str
    ) -> None:
        """Without a URL, the database is SQLite in the folder; without Redis, the broker is the bundled one."""
        self.folder = folder
        self.database_url = database_url
        self.redis_port = free_port() if has_redis else None
        self.data = folder / "data"
        self.workspaces = folder / "workspaces"
        self.answered = folder / "answered.jsonl"
        self.port = free_port()
        self.node = f"test-{uuid4().hex[:12]}"
        self.processes: dict[str, subprocess.Popen] = {}
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "cam_site.settings",
            "CAM_DATA_DIR": str(self.data),
            "CAM_DATABASE_URL": database_url,
            "CAM_METRICS_DIR": "",
            "CAM_EMAIL_URL": "",
            "CAM_REDIS_URL": f"redis://:{REDIS_PASSWORD}@127.0.0.1:{self.redis_port}/0"
            if has_redis
            else "",
            "CAM_PORT": str(self.port),
            "CAM_DEMO_API_PORT": str(free_port()),
            "CAM_DEMO_API_PACE": "400",
            "CAM_MAX_AGENTS_PER_USER": "200",
            "CAM_NODE_NAME": self.node,
            "CAM_BROWSE_ROOTS": str(self.workspaces),
            "CAM_WHISPER_DIR": str(PROJECT / "data/whisper"),
            "CAM_SECRET_KEY": "only-for-tests-" + "0" * 32,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(PROJECT),
            **settings,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.down()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        self.data.mkdir(mode=0o700, parents=True)
        self.workspaces.mkdir()
        for parent in (self.folder, *self.folder.parents):
            if parent.stat().st_mode & 0o005 != 0o005 and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o005)
        self.manage("shell", "--verbosity=0", "-c", PREPARATION)

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def commands(self) -> dict[str, list[str]]:
        manage = [sys.executable, "manage.py"]
        celery = [sys.executable, "-m", "celery", "-A", "cam_site"]
        return {
            "broker": self.redis_server() if self.redis_port else [*manage, "run_valkey"],
            "demo_api": [*manage, "run_demo_api", "--record", str(self.answered)],
            "gateway": [*manage, "run_gateway"],
            "bridge": [*manage, "run_bridge"],
            "worker": [
                *celery,
                "worker",
                "--concurrency=2",
                "--without-gossip",
                "--without-mingle",
            ],
            "voice": [
                *celery,
                "worker",
                "--queues=voice",
                "--hostname=voice@%h",
                "--concurrency=1",
                "--without-gossip",
                "--without-mingle",
            ],
            "beat": [*celery, "beat", "--pidfile="],
            "web": [*manage, "run_web"],
        }

    def redis_server(self) -> list[str]:
        """As compose.yaml starts it."""
        return [
            "redis-server",
            *("--bind", "127.0.0.1", "--port", str(self.redis_port)),
            *("--requirepass", REDIS_PASSWORD, "--save", "", "--appendonly", "no"),
            *("--maxmemory", "256mb", "--maxmemory-policy", "noeviction"),
        ]

    def start(self, name: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            self.commands()[name],
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def kill(self, name: str) -> None:
        """SIGKILL to the process and all of its children."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def restart(self, name: str) -> None:
        self.kill(name)
        self.start(name)

    def up(self) -> None:
        self.prepare()
        for name in self.commands():
            self.start(name)
        wait_for(self.answers, seconds=60, message=lambda: f"no web server: {self.log('web')}")

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/agents").status_code == 401
        except httpx.TransportError:
            return False

    def down(self) -> None:
        for name in list(self.processes):
            self.kill(name)
        label = f"label=cam.node={self.node}"
        for kind, remove in (("ps -aq", "rm -f"), ("volume ls -q", "volume rm")):
            found = docker(*kind.split(), "--filter", label).split()
            if found:
                docker(*remove.split(), *found)

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return "\n".join(line for line in lines if '"GET ' not in line)[-5000:]

    def logs(self) -> str:
        return "\n".join(f"--- {name}\n{self.log(name)}" for name in self.commands())

    def workspace(self, name: str, files: dict[str, str] | None = None) -> Path:
        """A folder of the agents' uid with files in it."""
        folder = self.workspaces / name
        folder.mkdir()
        for file, text in (files or {"hello.txt": "hello world\n"}).items():
            (folder / file).write_text(text)
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, AGENT_UID, AGENT_UID)
        return folder

    def query(self, sql: str, *arguments: object) -> list[tuple]:
        """Read the database beside the portal; `?` stands for an argument."""
        if self.database_url:
            with connect_postgres(self.database_url) as connection:
                return connection.execute(sql.replace("?", "%s"), arguments).fetchall()
        path = f"file:{self.data / 'cam.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(path, uri=True)) as connection:
            return connection.execute(sql, arguments).fetchall()


def connect_postgres(url: str) -> psycopg.Connection:
    parts = environ.Env.db_url_config(url)
    return psycopg.connect(
        dbname=parts["NAME"],
        user=parts["USER"],
        password=parts["PASSWORD"],
        host=parts["HOST"],
        port=parts["PORT"],
        autocommit=True,
    )


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


class Client:
    """A user's session with the HTTP API by token."""

    def __init__(self, stack: Stack, username: str = "alice", *, token: str = "") -> None:
        self.stack = stack
        self.token = (
            token
            or stack.manage(
                "shell",
                "--verbosity=0",
                "-c",
                "from django.contrib.auth.models import User; from agents.models import ApiToken;"
                f"token = ApiToken(user=User.objects.get(username='{username}'), name='test');"
                "raw = token.set_secret(); token.save(); print(raw)",
            ).split()[-1]
        )
        self.http = httpx.Client(
            base_url=stack.url,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=20,
        )

    def get(self, path: str):
        response = self.http.get(f"/api/agents{path}")
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, **body: object):
        response = self.http.post(f"/api/agents{path}", json=body)
        assert response.status_code < 300, response.text
        return response.json() if response.content else None

    def launch(self, workspace: Path, prompt: str = "", **fields: object) -> str:
        body = {"workspace": str(workspace), "prompt": prompt, "model": "claude-opus-5-5"}
        return self.post("", **(body | fields))["id"]

    def status(self, agent_id: str) -> str:
        return self.get(f"/{agent_id}")["status"]

    def wait_for_status(self, agent_id: str, *statuses: str, seconds: float = 30) -> None:
        wait_for(
            lambda: self.status(agent_id) in statuses,
            seconds=seconds,
            message=lambda: (
                f"status is {self.get(f'/{agent_id}')}, not {statuses}\n{self.stack.logs()}"
            ),
        )

    def history(self, agent_id: str) -> list[dict]:
        events, after = [], 0
        while True:
            page = self.get(f"/{agent_id}/history?after={after}&limit=500")
            events += page["events"]
            if page["next_after"] is None:
                return events
            after = page["next_after"]

    def approval(self, agent_id: str) -> dict:
        return wait_for(
            lambda: self.get(f"/{agent_id}/approvals?state=pending")["approvals"],
            message=lambda: f"no approval\n{self.stack.logs()}",
        )[0]
