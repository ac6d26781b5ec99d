"""From the gateway's small files of egress to one row for each agent, host and verdict."""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from agents.models import Agent
from agents.rendering import plain
from metrics_app.gateway.egress import METHODS, NO_NAME, OTHERS, clean_host
from metrics_app.models import EgressCheckpoint, EgressHost, Verdict
from metrics_app.spool import CLOCK_TOLERANCE, EARLIEST, clean_text

logger = logging.getLogger(__name__)

MAX_FILES_A_RUN = 20
MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_COUNT = 2**50
# Of names for each agent and verdict, for good: what comes later is added up under OTHERS.
MAX_HOSTS = 200


class EgressLineError(ValueError):
    """A line that says nothing that could be added up."""


@dataclass(frozen=True, slots=True)
class EgressLine:
    agent_id: UUID
    host: str
    verdict: Verdict
    methods: frozenset[str]
    attempts: int
    failures: int
    bytes_sent: int
    bytes_received: int
    reason: str
    first_at: datetime
    last_at: datetime


def parse_egress(raw: bytes, *, now: datetime) -> EgressLine:
    """Raises EgressLineError. The gateway wrote it, but much in it is an agent's."""
    try:
        data = json.loads(raw)
        if data["version"] != 1:
            raise EgressLineError("unknown version")
        return EgressLine(
            agent_id=UUID(data["agent_id"]),
            host=_read_host(data["host"]),
            verdict=Verdict(data["verdict"]),
            methods=frozenset(data["methods"]) & (METHODS | {"other"}),
            attempts=_read_count(data["attempts"]),
            failures=_read_count(data["failures"]),
            bytes_sent=_read_count(data["bytes_sent"]),
            bytes_received=_read_count(data["bytes_received"]),
            reason=plain(clean_text(data["reason"], 200))[:200],
            first_at=_read_moment(data["first_at"], now),
            last_at=_read_moment(data["last_at"], now),
        )
    except EgressLineError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise EgressLineError(f"malformed: {exc}"[:100]) from exc


def _read_host(host: str) -> str:
    return host if host in (OTHERS, NO_NAME) else clean_host(host)


def _read_count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise EgressLineError("a count is out of range")
    return value


def _read_moment(text: str, now: datetime) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment if EARLIEST <= moment <= now + CLOCK_TOLERANCE else now


def ingest_egress() -> int:
    """Add up what the gateway has handed over since the last call; returns how many files.

    A file counts once, also where its reader is killed between storing and deleting it.
    """
    now = timezone.now()
    waiting = sorted(Path(settings.CAM_EGRESS_DIR).glob("egress-*.jsonl"))[:MAX_FILES_A_RUN]
    for path in waiting:
        _take(path, now)
    return len(waiting)


def _take(path: Path, now: datetime) -> None:
    with transaction.atomic():
        checkpoint, _ = EgressCheckpoint.objects.select_for_update().get_or_create(
            node=settings.CAM_NODE_NAME
        )
        if checkpoint.name != path.name:
            _store(_read(path, now))
            checkpoint.name = path.name
            checkpoint.save(update_fields=["name"])
    path.unlink(missing_ok=True)


def _read(path: Path, now: datetime) -> list[EgressLine]:
    """The lines of a file that can be used; none of one that is gone or far too large."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return []
    if len(raw) > MAX_FILE_BYTES:
        logger.warning("egress %s is too large and left out", path.name)
        return []
    lines = []
    for text in raw.splitlines():
        try:
            lines.append(parse_egress(text, now=now))
        except EgressLineError as exc:
            logger.warning("egress %s: a line is left out, %s", path.name, exc)
    return lines


def _store(lines: Iterable[EgressLine]) -> None:
    by_agent: dict[UUID, list[EgressLine]] = {}
    for line in lines:
        by_agent.setdefault(line.agent_id, []).append(line)
    known = Agent.objects.filter(pk__in=by_agent).values_list("pk", flat=True)
    for agent_id in known:
        _store_agent(agent_id, by_agent[agent_id])


def _store_agent(agent_id: UUID, lines: Iterable[EgressLine]) -> None:
    """Two queries at the most, whatever the number of lines: one reads, one writes."""
    rows = {(row.host, row.verdict): row for row in EgressHost.objects.filter(agent=agent_id)}
    counts = {verdict: sum(key[1] == verdict for key in rows) for verdict in Verdict}
    changed: dict[tuple[str, str], EgressHost] = {}
    for line in lines:
        key = (line.host, line.verdict)
        if key not in rows and counts[line.verdict] >= MAX_HOSTS:
            key = (OTHERS, line.verdict)
        if key not in rows:
            counts[line.verdict] += 1
            rows[key] = EgressHost(
                agent_id=agent_id, host=key[0], verdict=key[1], first_at=line.first_at
            )
        _add(rows[key], line)
        changed[key] = rows[key]
    EgressHost.objects.bulk_create(
        changed.values(),
        update_conflicts=True,
        unique_fields=["agent", "host", "verdict"],
        update_fields=[
            *("methods", "attempts", "failures", "bytes_sent", "bytes_received"),
            *("reason", "first_at", "last_at"),
        ],
    )


def _add(row: EgressHost, line: EgressLine) -> None:
    methods = set(filter(None, row.methods.split(", "))) | line.methods
    row.methods = ", ".join(sorted(methods))
    row.attempts += line.attempts
    row.failures += line.failures
    row.bytes_sent += line.bytes_sent
    row.bytes_received += line.bytes_received
    row.reason = line.reason or row.reason
    row.first_at = min(row.first_at, line.first_at)
    row.last_at = max(row.last_at or line.last_at, line.last_at)


def forget_egress() -> int:
    """Delete what no agent has tried for CAM_EGRESS_KEEP_DAYS; returns how many rows."""
    long_ago = timezone.now() - timedelta(days=settings.CAM_EGRESS_KEEP_DAYS)
    deleted, _ = EgressHost.objects.filter(last_at__lt=long_ago).delete()
    return deleted
