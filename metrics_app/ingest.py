"""From the gateway's spool to rows. Repeating any of it harms nothing."""

import logging
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from agents.doorbells import ring_agents_on_commit
from agents.models import Agent, AgentSession
from metrics_app.attempts import assess
from metrics_app.models import SpoolCheckpoint, UsageRecord
from metrics_app.overrides import load_overrides
from metrics_app.pricing import Override
from metrics_app.rollups import RollupChange
from metrics_app.spool import Batch, SpoolLine, SpoolLineError, parse_line, read_batch

logger = logging.getLogger(__name__)

MAX_BATCHES_PER_RUN = 20
# Nobody writes on after this long in the middle of a line, once a newer file is in use.
TORN_AFTER = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class SpoolFile:
    name: str
    path: str
    size: int
    identity: str
    modified_at: float
    is_newest: bool

    def has_been_still(self, span: timedelta, now: datetime) -> bool:
        return now.timestamp() - self.modified_at > span.total_seconds()


def ingest_spool() -> int:
    """Store what the gateway has spooled since the last call; returns how many rows are new.

    One query when nothing is. A long backlog is taken in bounded portions, a call each.
    """
    now = timezone.now()
    new_rows, batches_left = 0, MAX_BATCHES_PER_RUN
    known = _read_positions()
    for file in list_spool(settings.CAM_METRICS_DIR):
        if known.get(file.name) == (file.identity, file.size):
            _remove_if_old(file, now)
            continue
        checkpoint = _checkpoint_of(file)
        while batches_left and checkpoint.offset < file.size:
            batch = _read(file, checkpoint, now)
            if batch is None or batch.end == checkpoint.offset:
                break
            new_rows += _store(batch, checkpoint, now)
            batches_left -= 1
    return new_rows


def list_spool(folder: Path) -> list[SpoolFile]:
    """The spool's regular files, oldest first by name; empty where the folder is not there yet."""
    try:
        with os.scandir(folder) as entries:
            found = [
                (entry, entry.stat(follow_symlinks=False))
                for entry in entries
                if entry.name.startswith("usage-") and entry.name.endswith(".jsonl")
            ]
    except FileNotFoundError:
        return []
    regular = sorted(
        (pair for pair in found if stat.S_ISREG(pair[1].st_mode)), key=lambda pair: pair[0].name
    )
    return [
        SpoolFile(
            name=entry.name,
            path=entry.path,
            size=info.st_size,
            identity=f"{info.st_dev}:{info.st_ino}",
            modified_at=info.st_mtime,
            is_newest=entry is regular[-1][0],
        )
        for entry, info in regular
    ]


def _read_positions() -> dict[str, tuple[str, int]]:
    """Identity and offset by file name. This runs twice a second over all kept files: no models."""
    rows = SpoolCheckpoint.objects.filter(node=settings.CAM_NODE_NAME)
    return {
        name: (identity, offset)
        for name, identity, offset in rows.values_list("name", "identity", "offset")
    }


def _checkpoint_of(file: SpoolFile) -> SpoolCheckpoint:
    """The file's checkpoint; back at the start if the name stands for another file now."""
    checkpoint, _ = SpoolCheckpoint.objects.get_or_create(
        node=settings.CAM_NODE_NAME, name=file.name, defaults={"identity": file.identity}
    )
    if checkpoint.identity != file.identity or checkpoint.offset > file.size:
        logger.warning("spool %s is another file than before: reading it anew", file.name)
        checkpoint.identity, checkpoint.offset = file.identity, 0
        checkpoint.save(update_fields=["identity", "offset", "updated_at"])
    return checkpoint


def _read(file: SpoolFile, checkpoint: SpoolCheckpoint, now: datetime) -> Batch | None:
    take_torn = not file.is_newest and file.has_been_still(TORN_AFTER, now)
    try:
        with open(file.path, "rb") as lines:
            return read_batch(lines, checkpoint.offset, take_torn=take_torn)
    except OSError as exc:
        _warn_once(f"spool {file.name} cannot be read: {exc}")
        return None


@lru_cache(maxsize=1000)
def _warn_once(text: str) -> None:
    """For what stays wrong: the ingest comes by twice a second."""
    logger.warning(text)


def _store(batch: Batch, checkpoint: SpoolCheckpoint, now: datetime) -> int:
    """Insert the batch's rows and move the checkpoint past them in one transaction, then ring.

    Returns how many rows are new: none where another reader moved the checkpoint first.
    """
    lines = _parse(batch, checkpoint, now)
    rows = _make_rows(lines, checkpoint)
    with transaction.atomic():
        new = _leave_out_stored(rows)
        stored = _insert(new, checkpoint)
        left_out = len(batch.lines) + batch.oversized - len(rows) + len(new) - len(stored)
        is_ours = SpoolCheckpoint.objects.filter(
            pk=checkpoint.pk, identity=checkpoint.identity, offset=checkpoint.offset
        ).update(
            offset=batch.end,
            lines=F("lines") + len(batch.lines) + batch.oversized,
            bad_lines=F("bad_lines") + left_out,
            updated_at=now,
        )
        if is_ours:
            _count(stored)
        else:
            transaction.set_rollback(True)
        ring_agents_on_commit({row.agent_id for row in stored})
    checkpoint.offset = batch.end
    return len(stored) if is_ours else 0


def _count(calls: Iterable[UsageRecord]) -> None:
    change = RollupChange()
    for call in calls:
        change.add(call)
    change.write()


def _leave_out_stored(rows: Sequence[UsageRecord]) -> list[UsageRecord]:
    by_attempt = {row.attempt_id: row for row in rows}
    stored = UsageRecord.objects.filter(attempt_id__in=by_attempt)
    for attempt_id in stored.values_list("attempt_id", flat=True):
        del by_attempt[attempt_id]
    return list(by_attempt.values())


def _parse(batch: Batch, checkpoint: SpoolCheckpoint, now: datetime) -> list[SpoolLine]:
    if batch.oversized:
        logger.warning("spool %s: %d lines are too long", checkpoint.name, batch.oversized)
    lines = []
    for raw in batch.lines:
        try:
            lines.append(parse_line(raw, now=now))
        except SpoolLineError as exc:
            logger.warning("spool %s: skipped, %s: %.100r", checkpoint.name, exc, raw[:100])
    return lines


def _make_rows(lines: Sequence[SpoolLine], checkpoint: SpoolCheckpoint) -> list[UsageRecord]:
    """Rows for the lines whose agent is known. Three queries."""
    overrides = load_overrides()
    agents = Agent.objects.in_bulk({line.agent_id for line in lines})
    sessions = _sessions_of(agents, lines)
    rows = []
    for line in lines:
        if agent := agents.get(line.agent_id):
            session = _session_at(line.started_at, sessions.get(line.agent_id, ()))
            rows.append(_make_row(line, agent, session, overrides))
        else:
            logger.warning("spool %s: skipped, unknown agent %s", checkpoint.name, line.agent_id)
    return rows


def _sessions_of(
    agent_ids: Iterable[UUID], lines: Sequence[SpoolLine]
) -> dict[UUID, list[AgentSession]]:
    """For each agent the sessions that were open at some time in the span of the lines."""
    times = [line.started_at for line in lines]
    sessions: dict[UUID, list[AgentSession]] = {}
    if times:
        is_open = Q(ended_at__isnull=True) | Q(ended_at__gte=min(times))
        for session in AgentSession.objects.filter(
            is_open, agent__in=agent_ids, created_at__lte=max(times)
        ).only("agent_id", "created_at", "ended_at"):
            sessions.setdefault(session.agent_id, []).append(session)
    return sessions


def _session_at(moment: datetime, sessions: Iterable[AgentSession]) -> AgentSession | None:
    fitting = [
        session
        for session in sessions
        if session.created_at <= moment and (session.ended_at is None or moment <= session.ended_at)
    ]
    return max(fitting, key=lambda session: session.created_at, default=None)


def _make_row(
    line: SpoolLine, agent: Agent, session: AgentSession | None, overrides: Sequence[Override]
) -> UsageRecord:
    assessment = assess(line, overrides)
    tokens, priced = assessment.tokens, assessment.priced
    problems = (*line.problems, *assessment.problems)
    note = f"not believed: {', '.join(problems)}" if problems else ""
    return UsageRecord(
        attempt_id=line.attempt_id,
        user_id=agent.owner_id,
        agent=agent,
        session=session,
        started_at=line.started_at,
        kind=line.kind,
        method=line.method,
        path=line.path,
        status=line.status,
        complete=line.complete,
        error="; ".join(text for text in (line.error, note) if text)[:500],
        streamed=line.streamed,
        requested_model=line.requested_model,
        model=line.model,
        message_id=line.message_id,
        request_id=line.request_id,
        claude_session_id=line.claude_session_id,
        retry_count=line.retry_count,
        input_tokens=tokens.input,
        cache_write_5m_tokens=tokens.cache_write_5m,
        cache_write_1h_tokens=tokens.cache_write_1h,
        cache_read_tokens=tokens.cache_read,
        output_tokens=tokens.output,
        thinking_tokens=tokens.thinking,
        web_searches=tokens.web_searches,
        service_tier=assessment.service_tier,
        speed=assessment.speed,
        inference_geo=assessment.inference_geo,
        raw_usage=line.usage,
        first_byte_ms=line.first_byte_ms,
        total_ms=line.total_ms,
        cost_usd=priced.cost_usd,
        is_estimated=priced.is_estimated,
        is_unpriced=priced.is_unpriced,
        is_override=priced.is_override,
        price_version=priced.price_version,
    )


def _insert(rows: list[UsageRecord], checkpoint: SpoolCheckpoint) -> list[UsageRecord]:
    """Insert rows; returns those that the database took.

    One bad row must not hold up the rest for ever: where a batch fails, its rows go in one by one.
    """
    try:
        with transaction.atomic():
            UsageRecord.objects.bulk_create(rows)
    except (DataError, IntegrityError) as exc:
        if len(rows) == 1:
            logger.warning("spool %s: %s refused: %.100s", checkpoint.name, rows[0].attempt_id, exc)
            return []
        return [taken for row in rows for taken in _insert([row], checkpoint)]
    return rows


def _remove_if_old(file: SpoolFile, now: datetime) -> None:
    """Delete a file that is read and long done with; the newest may still be written."""
    keep = timedelta(days=settings.CAM_SPOOL_KEEP_DAYS)
    if not file.is_newest and file.has_been_still(keep, now):
        Path(file.path).unlink(missing_ok=True)
        SpoolCheckpoint.objects.filter(node=settings.CAM_NODE_NAME, name=file.name).delete()
