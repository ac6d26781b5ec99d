"""The real CLI in a container as agents have it, talked to over stdin and stdout without a portal."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from agents import containers
from agents.hardening import (
    ContainerSpec,
    claude_arguments,
    container_options,
    home_volume,
    managed_settings,
)
from tests.e2e.gateway_process import GatewayProcess

SECCOMP_PROFILE = Path(__file__).parents[2] / "agent_image/seccomp.json"
UID = 1000
PATIENCE_SECONDS = 60
# What the API says that was used fits into no context: the CLI must not mind.
ENVIRONMENT = {"DISABLE_COMPACT": "1", "CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE": str(10**9)}

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    message_ids: tuple[str, ...]
    cost_usd: Decimal


@contextmanager
def talk_to_cli(folder: Path, gateway: GatewayProcess, agent_id: str) -> Iterator["TalkingCli"]:
    """A CLI of its own in a new `folder`; the gateway must know the agent already."""
    container_id = containers.create(container_options(make_spec(folder, gateway, agent_id)))
    cli = None
    try:
        cli = TalkingCli(container_id)
        yield cli
    finally:
        containers.remove(container_id)
        containers.remove_home(home_volume(agent_id))
        if cli is not None:
            cli.process.communicate()


def make_spec(folder: Path, gateway: GatewayProcess, agent_id: str) -> ContainerSpec:
    workspace, settings = folder / "workspace", folder / "settings"
    for path in (workspace, settings):
        path.mkdir(parents=True)
    os.chown(workspace, UID, UID)
    (settings / "managed-settings.json").write_text(json.dumps(managed_settings([])))
    return ContainerSpec(
        agent_id=agent_id,
        session_number=1,
        node=agent_id,
        image="cam-agent:latest",
        arguments=claude_arguments(session_uuid=str(uuid4()), resume=False, model=""),
        workspace=str(workspace),
        uid=UID,
        gid=UID,
        gateway_socket_dir=str(gateway.socket_path(agent_id).parent),
        gateway_ca_dir=str(gateway.data / "gateway/public"),
        managed_settings_dir=str(settings),
        seccomp_profile=SECCOMP_PROFILE.read_text(),
        environment=ENVIRONMENT,
    )


class TalkingCli:
    """One that says nothing for PATIENCE_SECONDS where it has to is ended, and fails the test."""

    def __init__(self, container_id: str) -> None:
        self.container_id = container_id
        self.model = ""
        self.total_usd = Decimal(0)
        self.process = subprocess.Popen(
            ["docker", "start", "--attach", "--interactive", container_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.control({"subtype": "initialize", "hooks": None})

    def use_model(self, model: str) -> None:
        if model != self.model:
            answer = self.control({"subtype": "set_model", "model": model})
            assert answer["subtype"] == "success", answer
            self.model = model

    def control(self, request: Line) -> Line:
        self.write({"type": "control_request", "request_id": str(uuid4()), "request": request})
        *_, answer = self.read_to("control_response")
        return answer["response"]

    def say(self, text: str) -> Turn:
        """One turn, to its end."""
        message = {"role": "user", "content": text}
        self.write(
            {"type": "user", "uuid": str(uuid4()), "message": message}
            | {"parent_tool_use_id": None, "session_id": "default"}
        )
        *lines, result = self.read_to("result")
        ids = tuple(line["message"]["id"] for line in lines if line["type"] == "assistant")
        before, self.total_usd = self.total_usd, Decimal(repr(result["total_cost_usd"]))
        return Turn(ids, self.total_usd - before)

    def write(self, line: Line) -> None:
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def read_to(self, kind: str) -> Iterator[Line]:
        """All lines up to the first of that type, which is the last."""
        patience = threading.Timer(PATIENCE_SECONDS, containers.remove, [self.container_id])
        patience.start()
        try:
            for text in self.process.stdout:
                if text.startswith("{"):
                    line = json.loads(text)
                    yield line
                    if line["type"] == kind:
                        return
        finally:
            patience.cancel()
        raise AssertionError(f"the CLI has ended, or gave no {kind} in {PATIENCE_SECONDS} s")
