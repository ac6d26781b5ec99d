"""What agents reach, or try to, summed up by host and handed to the portal in small files.

Sums wait in memory, bounded for each agent, and go out as one file of JSON lines a flush, whole or
not at all. The portal deletes what it has read; while many files wait, the sums do.
"""

import ipaddress
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from metrics_app.gateway.hosts import normalise_host

logger = logging.getLogger("cam.gateway")

FLUSH_SECONDS = 1.0
MAX_HOSTS = 100
MAX_FILES = 60
MAX_REASON_CHARACTERS = 200
LINE_VERSION = 1
OTHERS = ""
NO_NAME = "(no host name)"
METHODS = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
)

Verdict = Literal["allowed", "refused"]
Key = tuple[str, str, Verdict]


def clean_host(host: str) -> str:
    """A name or an address in its one form; whatever else an agent sends is one and the same."""
    name = normalise_host(host)
    if name is not None:
        return name
    try:
        return str(ipaddress.ip_address(host[:100].strip("[]").partition("%")[0]))
    except ValueError:
        return NO_NAME


@dataclass(slots=True)
class Sum:
    """What one agent had to do with one host since the last flush. Bytes are those of bodies."""

    first_at: datetime
    last_at: datetime
    attempts: int = 0
    failures: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    methods: set[str] = field(default_factory=set)
    reason: str = ""


class EgressLog:
    """All methods belong on the one event loop; `flush` writes a small file, without a sync."""

    def __init__(
        self, folder: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._sums: dict[Key, Sum] = {}
        self._named: dict[str, set[str]] = {}
        self._flushed = 0.0

    def refuse(self, agent_id: str, host: str, method: str, reason: str) -> None:
        found = self._count(agent_id, host, "refused", method)
        found.reason = reason[:MAX_REASON_CHARACTERS]

    def allow(self, agent_id: str, host: str, method: str) -> "Passage":
        self._count(agent_id, host, "allowed", method)
        return Passage(self, agent_id, host)

    def _count(self, agent_id: str, host: str, verdict: Verdict, method: str) -> Sum:
        found = self._sum(agent_id, host, verdict)
        found.attempts += 1
        found.methods.add(method if method in METHODS else "other")
        return found

    def note_bytes(self, agent_id: str, host: str, *, sent: int = 0, received: int = 0) -> None:
        """Of an attempt that was allowed, as they pass."""
        found = self._sum(agent_id, host, "allowed")
        found.bytes_sent += sent
        found.bytes_received += received

    def note_failure(self, agent_id: str, host: str, reason: str) -> None:
        """An attempt that was allowed came to nothing: no such name, no connection, cut off."""
        found = self._sum(agent_id, host, "allowed")
        found.failures += 1
        found.reason = reason[:MAX_REASON_CHARACTERS]

    def _sum(self, agent_id: str, host: str, verdict: Verdict) -> Sum:
        key = (agent_id, self._name(agent_id, clean_host(host)), verdict)
        now = self._clock()
        found = self._sums.get(key)
        if found is None:
            found = self._sums[key] = Sum(now, now)
        found.last_at = now
        return found

    def _name(self, agent_id: str, host: str) -> str:
        """The host itself for an agent's first MAX_HOSTS since the last flush, OTHERS after that."""
        named = self._named.setdefault(agent_id, set())
        if host in named or len(named) < MAX_HOSTS:
            named.add(host)
            return host
        return OTHERS

    def flush_if_due(self, monotonic: float) -> None:
        if monotonic - self._flushed >= FLUSH_SECONDS:
            self._flushed = monotonic
            self.flush()

    def flush(self) -> None:
        """Hand over what is summed up; where that cannot be done now, it stays for the next time."""
        if not self._sums:
            return
        try:
            if self._is_full():
                return
            self._write()
        except OSError as exc:
            logger.warning("egress log %s: %s; it is tried again", self._folder, exc)
            return
        self._sums.clear()
        self._named.clear()

    def _is_full(self) -> bool:
        with os.scandir(self._folder) as entries:
            return sum(entry.name.endswith(".jsonl") for entry in entries) >= MAX_FILES

    def _write(self) -> None:
        now = self._clock().astimezone(UTC)
        name = f"egress-{now:%Y%m%dT%H%M%S.%fZ}-{os.getpid()}"
        draft = self._folder / f".{name}.draft"
        lines = (encode(key, found) for key, found in self._sums.items())
        draft.write_text("".join(lines))
        draft.replace(self._folder / f"{name}.jsonl")


@dataclass(frozen=True, slots=True)
class Passage:
    """One attempt that was allowed, fed as its bytes pass."""

    log: EgressLog
    agent_id: str
    host: str

    def see_sent(self, chunk: bytes) -> None:
        self.log.note_bytes(self.agent_id, self.host, sent=len(chunk))

    def see_received(self, chunk: bytes) -> None:
        self.log.note_bytes(self.agent_id, self.host, received=len(chunk))

    def fail(self, reason: str) -> None:
        self.log.note_failure(self.agent_id, self.host, reason)


def encode(key: Key, found: Sum) -> str:
    agent_id, host, verdict = key
    line = {
        "version": LINE_VERSION,
        "agent_id": agent_id,
        "host": host,
        "verdict": verdict,
        "attempts": found.attempts,
        "failures": found.failures,
        "bytes_sent": found.bytes_sent,
        "bytes_received": found.bytes_received,
        "methods": sorted(found.methods),
        "reason": found.reason,
        "first_at": found.first_at.isoformat(),
        "last_at": found.last_at.isoformat(),
    }
    return json.dumps(line, separators=(",", ":")) + "\n"
