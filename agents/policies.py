"""The files that tell the gateway what an agent may do: one an agent, replaced whole."""

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings

from agents.encryption import Unreadable
from agents.models import Agent, OwnKey
from agents.services.own_keys import reveal
from agents.site_settings import current

UNREADABLE_KEY = (
    "Your own API key cannot be read any more. Enter it again, or remove it, on CAM's Config page."
)


def policy_path(agent_id: object) -> Path:
    return Path(settings.CAM_POLICY_DIR) / f"{agent_id}.json"


def socket_dir(agent_id: object) -> Path:
    return Path(settings.CAM_SOCKETS_DIR) / str(agent_id)


def write_policy(agent: Agent) -> None:
    """Let the gateway open the agent's socket. In force at its next request."""
    path = policy_path(agent.pk)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = OwnKey.objects.filter(user=agent.owner_id).first()
    _replace(path, json.dumps(_describe(agent, key)))


def keep_policies() -> None:
    """Bring the files that are there in line with keys and settings that have changed."""
    folder = Path(settings.CAM_POLICY_DIR)
    ids = [path.stem for path in folder.glob("*.json")]
    agents = Agent.objects.filter(pk__in=ids, deleted_at__isnull=True)
    for agent in agents.select_related("owner__own_key"):
        path = policy_path(agent.pk)
        text = json.dumps(_describe(agent, getattr(agent.owner, "own_key", None)))
        try:
            if path.read_text() != text:
                _replace(path, text)
        except FileNotFoundError:
            continue  # deleted meanwhile


def remove_policy(agent_id: object) -> None:
    policy_path(agent_id).unlink(missing_ok=True)


def _describe(agent: Agent, key: OwnKey | None) -> dict[str, Any]:
    policy = {
        "version": 1,
        "agent_id": str(agent.pk),
        "user_id": agent.owner_id,
        "workspace": agent.workspace,
        "allowed_hosts": current("CAM_EGRESS_HOSTS"),
        "credential": "site",
        "blocked": None,
    }
    if key is None:
        return policy
    try:
        return policy | {"credential": "own", "api_key": reveal(key)}
    except Unreadable:
        # Never fall back to the site's key: its owner did not agree to pay.
        return policy | {"blocked": UNREADABLE_KEY}


def _replace(path: Path, text: str) -> None:
    """It may hold a key: nobody else reads it, not even as a draft."""
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)
