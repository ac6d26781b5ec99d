"""The files that tell the gateway what an agent may do: one an agent, replaced whole."""

import json
import os
from pathlib import Path

from django.conf import settings

from agents.models import Agent


def policy_path(agent_id: object) -> Path:
    return Path(settings.CAM_POLICY_DIR) / f"{agent_id}.json"


def socket_dir(agent_id: object) -> Path:
    return Path(settings.CAM_SOCKETS_DIR) / str(agent_id)


def write_policy(agent: Agent) -> None:
    """Let the gateway open the agent's socket. In force at its next request."""
    path = policy_path(agent.pk)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    policy = {
        "version": 1,
        "agent_id": str(agent.pk),
        "user_id": agent.owner_id,
        "workspace": agent.workspace,
        "allowed_hosts": settings.CAM_EGRESS_HOSTS,
        "credential": "site",
        "blocked": None,
    }
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(json.dumps(policy))
    draft.replace(path)


def remove_policy(agent_id: object) -> None:
    policy_path(agent_id).unlink(missing_ok=True)
