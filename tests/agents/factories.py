"""Rows as the portal writes them, for tests."""

from django.utils import timezone

from agents.hardening import ContainerSpec, container_options
from agents.models import (
    Agent,
    AgentSession,
    ApprovalRequest,
    ContainerInspection,
    LiveText,
    SessionEvent,
    Status,
)
from agents.security_card import asked_of, found_in


def make_agent(owner, *, status=Status.IDLE, **fields):
    agent = Agent.objects.create(
        owner=owner,
        status=status,
        **{
            "name": "Fix the cart",
            "workspace": "/srv/workspaces/shop",
            "model": "claude-sonnet-5-5",
            "node": "local",
        }
        | fields,
    )
    LiveText.objects.create(agent=agent)
    return agent


def make_session(agent, *, number=1, **fields):
    return AgentSession.objects.create(agent=agent, number=number, **fields)


def make_event(session, seq, *, kind="assistant", payload=None):
    return SessionEvent.objects.create(
        agent=session.agent,
        session=session,
        seq=seq,
        kind=kind,
        payload=payload or {"type": kind, "text": f"line {seq}"},
        created_at=timezone.now(),
    )


def make_approval(session, *, tool_name="Edit", request_id="r1", **fields):
    return ApprovalRequest.objects.create(
        agent=session.agent,
        session=session,
        request_id=request_id,
        tool_name=tool_name,
        tool_input={"file_path": "cart.py"},
        **fields,
    )


def make_inspection(session, **changes):
    """As a container that is held as asked for; `changes` are facts that the engine told otherwise."""
    asked = asked_of(container_options(make_spec()))
    found = found_in(inspected_as_asked()) | changes
    return ContainerInspection.objects.create(
        agent=session.agent,
        session=session,
        asked=asked,
        found=found,
        inspected_at=timezone.now(),
    )


def make_spec():
    return ContainerSpec(
        agent_id="a",
        session_number=1,
        node="local",
        image="cam-agent:latest",
        arguments=(),
        workspace="/srv/shop",
        uid=1000,
        gid=1000,
        gateway_socket_dir="/srv/sockets/a",
        gateway_ca_dir="/srv/ca",
        managed_settings_dir="/srv/settings",
        seccomp_profile='{"defaultAction": "SCMP_ACT_ERRNO"}',
    )


def inspected_as_asked():
    """What `docker inspect` says of a container with the options of `make_spec`."""
    options = container_options(make_spec())
    return {
        "Image": "sha256:" + "7f" * 32,
        "AppArmorProfile": "docker-default",
        "Config": {"User": options["user"], "Image": options["image"]},
        "HostConfig": {
            "Privileged": False,
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "CapAdd": None,
            "SecurityOpt": options["security_opt"],
            "NetworkMode": "none",
            "IpcMode": "private",
            "Memory": options["mem_limit"],
            "MemorySwap": options["memswap_limit"],
            "NanoCpus": options["nano_cpus"],
            "PidsLimit": options["pids_limit"],
            "Ulimits": [
                {"Name": one["name"], "Hard": one["hard"], "Soft": one["soft"]}
                for one in options["ulimits"]
            ],
            "Tmpfs": options["tmpfs"],
            "Devices": [],
            "PortBindings": {},
        },
        "Mounts": [
            {
                "Type": mount["Type"],
                "Name": mount["Source"] if mount["Type"] == "volume" else "",
                "Source": mount["Source"],
                "Destination": mount["Target"],
                "RW": not mount["ReadOnly"],
            }
            for mount in options["mounts"]
        ],
    }
