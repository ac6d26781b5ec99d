"""A whole portal for the benchmarks, in a folder of its own."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
import docker as docker_py
from docker.models.containers import Container

from tests.e2e.stack import Client, Stack, wait_for


class Portal:
    """Django's settings are the portal's from the start; its processes run from `up` on."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.engine = docker_py.from_env()
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """Alice's API client; starts the processes on first use."""
        if self._client is None:
            for name in self.stack.commands():
                self.stack.start(name)
            wait_for(self.stack.answers, seconds=60, message=self.stack.logs)
            self._client = Client(self.stack)
        return self._client

    def container_of(self, agent_id: str) -> Container:
        found = self.engine.containers.list(all=True, filters={"label": f"cam.agent={agent_id}"})
        return found[0]

    def launch_idle(self, name: str) -> str:
        """An agent that waits for its first prompt."""
        agent_id = self.client.launch(self.stack.workspace(name))
        self.client.wait_for_status(agent_id, "idle")
        return agent_id

    def delete(self, agent_id: str) -> None:
        """Delete the agent and wait until its container is gone."""
        self.client.http.delete(f"/api/agents/{agent_id}").raise_for_status()
        label = {"label": f"cam.agent={agent_id}"}
        wait_for(lambda: not self.engine.containers.list(all=True, filters=label))


@contextmanager
def bench_portal() -> Iterator[Portal]:
    """Yields a portal that has its database, and removes all of it in the end."""
    stack = Stack(Path(tempfile.mkdtemp(prefix="cam-bench-")))
    os.environ.update(stack.environment)
    try:
        stack.prepare()
        django.setup()
        yield Portal(stack)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stack.down()
        shutil.rmtree(stack.folder, ignore_errors=True)
