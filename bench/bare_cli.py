"""The CLI alone in the very container that the portal would give it."""

import json
import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from docker.models.containers import Container
from docker.utils.socket import frames_iter

from agents import hardening, stream_json
from bench.portal import Portal
from tests.e2e.stack import wait_for


@dataclass(frozen=True)
class BareStart:
    """Seconds from the call to create to the first word of the answer."""

    create: float
    start: float
    answer: float

    @property
    def total(self) -> float:
        return self.create + self.start + self.answer


def time_bare_start(portal: Portal, workspace: Path, prompt: str, model: str) -> BareStart:
    """Create, start, write `initialize` and the prompt, read up to the first word."""
    agent_id = str(uuid.uuid4())
    _open_gateway(agent_id)
    options = hardening.container_options(_spec(portal, agent_id, workspace, model))
    began = time.perf_counter()
    container = portal.engine.containers.create(**options)
    created = time.perf_counter()
    try:
        response = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
        container.start()
        started = time.perf_counter()
        lines = stream_json.control_request("bench", "initialize", hooks=None)
        response._sock.sendall(lines + stream_json.prompt(str(uuid.uuid4()), prompt))
        _read_until_text(response, container)
        answered = time.perf_counter()
        response.close()
    finally:
        container.remove(force=True)
        _close_gateway(agent_id)
    return BareStart(created - began, started - created, answered - started)


def _read_until_text(response: object, container: Container) -> None:
    seen = b""
    for _stream, data in frames_iter(response, tty=False):
        seen = seen[-100:] + data
        if b'"text_delta"' in seen:
            return
    raise RuntimeError(f"the CLI ended without an answer: {container.logs()[-2000:]!r}")


def _spec(portal: Portal, agent_id: str, workspace: Path, model: str) -> hardening.ContainerSpec:
    uid, gid = hardening.workspace_user(os.stat(workspace))
    arguments = hardening.claude_arguments(
        session_uuid=str(uuid.uuid4()), resume=False, model=model
    )
    return hardening.ContainerSpec(
        agent_id=agent_id,
        session_number=1,
        node=portal.stack.node,
        image=settings.CAM_AGENT_IMAGE,
        arguments=arguments,
        workspace=str(workspace),
        uid=uid,
        gid=gid,
        gateway_socket_dir=str(settings.CAM_SOCKETS_DIR / agent_id),
        gateway_ca_dir=str(settings.CAM_GATEWAY_PUBLIC_DIR),
        managed_settings_dir=str(settings.CAM_MANAGED_SETTINGS_DIR),
        seccomp_profile=settings.CAM_AGENT_SECCOMP_PROFILE.read_text(),
        apparmor_profile=settings.CAM_AGENT_APPARMOR_PROFILE,
        memory_bytes=settings.CAM_AGENT_MEMORY_MB << 20,
        cpus=settings.CAM_AGENT_CPUS,
        pids=settings.CAM_AGENT_PIDS,
    )


def _open_gateway(agent_id: str) -> None:
    policy = {
        "version": 1,
        "agent_id": agent_id,
        "allowed_hosts": [],
        "credential": "site",
        "blocked": None,
    }
    draft = settings.CAM_POLICY_DIR / f"{agent_id}.draft"
    draft.write_text(json.dumps(policy))
    draft.replace(settings.CAM_POLICY_DIR / f"{agent_id}.json")
    wait_for((settings.CAM_SOCKETS_DIR / agent_id / "gateway.sock").exists)


def _close_gateway(agent_id: str) -> None:
    (settings.CAM_POLICY_DIR / f"{agent_id}.json").unlink()
