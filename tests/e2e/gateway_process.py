"""A real gateway process, an upstream that remembers, and a client on an agent's socket."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from agents.demo_api.server import DemoHandler, DemoServer

PROJECT = Path(__file__).parents[2]
API_HOST = "api.anthropic.com"
PREFIX = "/corporate"
WAIT_SECONDS = 20


def find_python() -> str:
    python = os.environ.get("CAM_GATEWAY_PYTHON") or str(PROJECT / ".venv-gateway/bin/python")
    if not Path(python).exists():
        pytest.fail(f"no gateway environment at {python}; see requirements/gateway.txt")
    return python


def wait_until(is_true, what):
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        if result := is_true():
            return result
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


class RememberingHandler(DemoHandler):
    """The demo API below a path prefix; keeps the headers of every request."""

    def parse_request(self):
        is_valid = super().parse_request()
        if is_valid:
            self.server.seen.append((self.path, dict(self.headers)))
            self.path = self.path.removeprefix(PREFIX)
        return is_valid


class Upstream:
    def __init__(self, *, pace=0.0, tls=None):
        self.server = DemoServer(0, pace)
        self.server.RequestHandlerClass = RememberingHandler
        self.server.seen = []
        scheme = "http"
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://localhost:{self.server.server_port}{PREFIX}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def seen(self):
        return self.server.seen

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class GatewayProcess:
    def __init__(self, folder: Path, **environment):
        self.data = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "CAM_DATA_DIR": str(folder),
            **{name: value for name, value in environment.items() if value is not None},
        }
        self.log = folder / "gateway.log"
        self.process = None

    def start(self):
        size = self.log.stat().st_size if self.log.exists() else 0
        self.launch()
        wait_until(lambda: "is ready" in self.read_log()[size:], "the gateway")
        return self

    def launch(self):
        self.data.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [find_python(), "-m", "metrics_app.gateway"],
                cwd=PROJECT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def find_proxy_port(self):
        """The one loopback port that the process listens on."""
        links = read_links(Path(f"/proc/{self.process.pid}/fd"))
        inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                return int(fields[1].split(":")[1], 16)
        raise AssertionError("the gateway does not listen")

    def read_log(self):
        return self.log.read_text()

    def stop(self, number=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(WAIT_SECONDS)
            self.process = None

    def policy_path(self, agent_id):
        return self.data / "gateway/policy" / f"{agent_id}.json"

    def socket_path(self, agent_id):
        return self.data / "gateway/sockets" / agent_id / "gateway.sock"

    def write_policy(self, agent_id, **changes):
        policy = {
            "version": 1,
            "agent_id": agent_id,
            "allowed_hosts": [],
            "credential": "site",
            "blocked": None,
        }
        self.write_policy_text(agent_id, json.dumps(policy | changes))

    def write_policy_text(self, agent_id, text):
        path = self.policy_path(agent_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(text)
        draft.replace(path)

    def add_agent(self, **policy):
        agent_id = str(uuid.uuid4())
        self.write_policy(agent_id, **policy)
        return self.client(agent_id)

    def client(self, agent_id):
        wait_until(lambda: can_connect(self.socket_path(agent_id)), "the agent's socket")
        return AgentClient(self, agent_id)

    def read_lines(self, agent_id=None):
        """All whole lines of the spool, in order."""
        lines = []
        for path in sorted((self.data / "usage").glob("usage-*.jsonl")):
            texts = path.read_text().split("\n")
            lines += [json.loads(text) for text in texts[:-1]]
        return [line for line in lines if agent_id in (None, line["agent_id"])]


def read_links(folder):
    """Where the links of a folder lead; one that is gone by now, as a closed descriptor's, is left out."""
    for link in folder.iterdir():
        with suppress(FileNotFoundError):
            yield os.readlink(link)


def connect_unix(path):
    """By descriptor: pytest's folders are longer than a socket's address may be."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(WAIT_SECONDS)
        connection.connect(f"/proc/self/fd/{descriptor}/{path.name}")
        return connection
    finally:
        os.close(descriptor)


def can_connect(path):
    try:
        connect_unix(path).close()
    except OSError:
        return False
    return True


class TunnelRefusedError(Exception):
    def __init__(self, status, text):
        super().__init__(status, text)
        self.status, self.text = status, text


class AgentClient:
    """What runs in a container: it has the socket and the CA's certificate, nothing else."""

    def __init__(self, gateway, agent_id):
        self.gateway, self.agent_id = gateway, agent_id

    def connect(self):
        return connect_unix(self.gateway.socket_path(self.agent_id))

    def open_tunnel(self, host, port=443):
        """Raises TunnelRefusedError with what the gateway answered."""
        raw = self.connect()
        raw.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        response = http.client.HTTPResponse(raw, method="CONNECT")
        response.begin()
        if response.status != 200:
            text = response.fp.read(int(response.getheader("content-length", "0"))).decode()
            raise TunnelRefusedError(response.status, text)
        return raw

    def open_tls(self, host=API_HOST, sni=None):
        context = ssl.create_default_context(cafile=self.gateway.data / "gateway/public/ca.pem")
        context.check_hostname = sni is None
        return context.wrap_socket(self.open_tunnel(host), server_hostname=sni or host)

    def open_https(self, host=API_HOST, sni=None):
        connection = http.client.HTTPSConnection(host, timeout=WAIT_SECONDS)
        connection.sock = self.open_tls(host, sni)
        return connection

    def request(self, method, path, body=None, headers=None, host=API_HOST):
        """Status, headers and body of one request in a tunnel of its own."""
        connection = self.open_https(host)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def say(self, prompt, *, stream=False, path="/v1/messages", headers=None):
        return self.request("POST", path, make_body(prompt, stream=stream), headers)

    def read_lines(self, number):
        wait_until(lambda: len(self.gateway.read_lines(self.agent_id)) >= number, "usage lines")
        return self.gateway.read_lines(self.agent_id)

    def read_line(self):
        (line,) = self.read_lines(1)
        return line


def make_body(prompt, *, stream=False):
    return {
        "model": "claude-opus-5-5",
        "max_tokens": 1000,
        "stream": stream,
        "messages": [{"role": "user", "content": prompt}],
    }
