"""What an agent may do, as the portal wrote it: one JSON file an agent, replaced whole."""

import json
import logging
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args

from metrics_app.gateway.hosts import host_matches, normalise_pattern

logger = logging.getLogger("cam.gateway")

POLICY_VERSION = 1
MAX_POLICY_BYTES = 256 * 1024
MAX_KEY_CHARACTERS = 300
CredentialName = Literal["site", "own"]
T = TypeVar("T", int, str)


class PolicyError(ValueError):
    """A policy file that does not say what an agent may do."""


@dataclass(frozen=True, slots=True)
class Policy:
    agent_id: str
    allowed_hosts: tuple[str, ...]
    credential: CredentialName
    blocked: str | None
    user_id: int | None
    workspace: str | None
    own_key: str = field(default="", repr=False)

    def allows_host(self, host: str) -> bool:
        return host_matches(host, self.allowed_hosts)


def parse_policy(raw: bytes, agent_id: str) -> Policy:
    """Raises PolicyError: a file that is not wholly understood grants nothing."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise PolicyError(f"not JSON: {exc}") from exc
    if not isinstance(data, dict) or data.get("version") != POLICY_VERSION:
        raise PolicyError(f"expected an object of version {POLICY_VERSION}")
    if data.get("agent_id") != agent_id:
        raise PolicyError("agent_id is not the one in the file's name")
    if data.get("credential") not in get_args(CredentialName):
        raise PolicyError(f"unknown credential {str(data.get('credential'))[:100]!r}")
    blocked = data.get("blocked")
    if blocked is not None and not isinstance(blocked, str):
        raise PolicyError("blocked is neither null nor a text")
    return Policy(
        agent_id=agent_id,
        allowed_hosts=_parse_hosts(data.get("allowed_hosts")),
        credential=cast(CredentialName, data["credential"]),
        blocked=blocked,
        user_id=_parse_optional(data, "user_id", int),
        workspace=_parse_optional(data, "workspace", str),
        own_key=_parse_key(data) if data["credential"] == "own" else "",
    )


def _parse_key(data: dict[str, Any]) -> str:
    """The user's own key. It is in no message."""
    key = data.get("api_key")
    is_key = isinstance(key, str) and 0 < len(key) <= MAX_KEY_CHARACTERS
    if not is_key or any(not 33 <= ord(character) <= 126 for character in key):
        raise PolicyError("api_key is no key")
    return str(key)


def _parse_optional(data: dict[str, Any], name: str, kind: type[T]) -> T | None:
    value = data.get(name)
    if value is not None and type(value) is not kind:
        raise PolicyError(f"{name} is no {kind.__name__}")
    return value


def _parse_hosts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise PolicyError("allowed_hosts is not a list")
    patterns = []
    for entry in value:
        pattern = normalise_pattern(entry) if isinstance(entry, str) else None
        if pattern is None:
            raise PolicyError(f"allowed_hosts has {str(entry)[:100]!r}, no host name or *.suffix")
        patterns.append(pattern)
    return tuple(patterns)


def is_agent_id(text: str) -> bool:
    """Whether `text` is a UUID in its canonical form, and so safe as a file's name."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


# Identity of a file's content: a rename always changes it.
Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Loaded:
    signature: Signature
    policy: Policy | None


class PolicyStore:
    """The policies in a folder. A look-up is one stat: a new file counts from the next request."""

    def __init__(self, folder: Path, *, warn: Callable[[str], None] = logger.warning) -> None:
        self._folder = folder
        self._warn = warn
        self._loaded: dict[str, _Loaded] = {}

    def list_agents(self) -> set[str]:
        """Ids of all agents that have a file, whether or not it can be understood."""
        try:
            names = os.listdir(self._folder)
        except OSError as exc:
            self._warn(f"cannot list {self._folder}: {exc}")
            return set(self._loaded)
        agents = {name[:-5] for name in names if name.endswith(".json") and is_agent_id(name[:-5])}
        for gone in self._loaded.keys() - agents:
            del self._loaded[gone]
        return agents

    def get(self, agent_id: str) -> Policy | None:
        """The policy in force now; None where there is none or it cannot be understood."""
        path = self._folder / f"{agent_id}.json"
        try:
            status = path.stat()
        except OSError:
            self._loaded.pop(agent_id, None)
            return None
        signature = (status.st_mtime_ns, status.st_ino, status.st_size)
        known = self._loaded.get(agent_id)
        if known is None or known.signature != signature:
            known = _Loaded(signature, self._load(path, agent_id))
            self._loaded[agent_id] = known
        return known.policy

    def _load(self, path: Path, agent_id: str) -> Policy | None:
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_POLICY_BYTES + 1)
            if len(raw) > MAX_POLICY_BYTES:
                raise PolicyError(f"larger than {MAX_POLICY_BYTES} bytes")
            return parse_policy(raw, agent_id)
        except (OSError, PolicyError) as exc:
            self._warn(f"policy file {path} is ignored, its agent is refused: {exc}")
            return None
