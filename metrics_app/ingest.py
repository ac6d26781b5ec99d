"""From the gateway's spool to rows. Repeating any of it harms nothing."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from agents.doorbells import ring_agents_on_commit
from metrics_app.call_rows import make_rows
from metrics_app.inserting import insert_rows
from metrics_app.models import IngestCounter, LeftOut, SpoolCheckpoint, UsageRecord
from metrics_app.rollups import RollupChange
from metrics_app.spool import Batch, SpoolLine, SpoolLineError, parse_line, read_batch
from metrics_app.spool_folder import SpoolFile, list_spool

logger = logging.getLogger(__name__)

MAX_BATCHES_PER_RUN = 20
# Nobody writes on after this long in the middle of a line, once a newer file is in use.
TORN_AFTER = timedelta(seconds=10)


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
    left_out: Counter[str] = Counter()
    lines = _parse(batch, checkpoint, now, left_out)
    rows = make_rows(lines)
    _count_unknown(lines, rows, checkpoint, left_out)
    with transaction.atomic():
        new = _leave_out_stored(rows)
        stored = _insert(new, checkpoint)
        left_out[LeftOut.REPEATED] = len(rows) - len(new)
        left_out[LeftOut.REFUSED] = len(new) - len(stored)
        is_ours = SpoolCheckpoint.objects.filter(
            pk=checkpoint.pk, identity=checkpoint.identity, offset=checkpoint.offset
        ).update(
            offset=batch.end,
            lines=F("lines") + len(batch.lines) + batch.oversized,
            bad_lines=F("bad_lines") + left_out.total() - left_out[LeftOut.REPEATED],
            updated_at=now,
        )
        if is_ours:
            IngestCounter.objects.add(checkpoint.node, left_out)
            _count(stored)
        else:
            transaction.set_rollback(True)
        ring_agents_on_commit({row.agent_id for row in stored})
    checkpoint.offset = batch.end
    return len(stored) if is_ours else 0


def _parse(
    batch: Batch, checkpoint: SpoolCheckpoint, now: datetime, left_out: Counter[str]
) -> list[SpoolLine]:
    if batch.oversized:
        left_out[LeftOut.TOO_LONG] = batch.oversized
        logger.warning("spool %s: %d lines are too long", checkpoint.name, batch.oversized)
    lines = []
    for raw in batch.lines:
        try:
            lines.append(parse_line(raw, now=now))
        except SpoolLineError as exc:
            left_out[exc.reason if raw.endswith(b"\n") else LeftOut.TORN] += 1
            logger.warning("spool %s: skipped, %s: %.100r", checkpoint.name, exc, raw[:100])
    return lines


def _count_unknown(
    lines: Sequence[SpoolLine],
    rows: Sequence[UsageRecord],
    checkpoint: SpoolCheckpoint,
    left_out: Counter[str],
) -> None:
    known = {row.agent_id for row in rows}
    for line in lines:
        if line.agent_id not in known:
            left_out[LeftOut.UNKNOWN_AGENT] += 1
            logger.warning("spool %s: skipped, unknown agent %s", checkpoint.name, line.agent_id)


def _leave_out_stored(rows: Sequence[UsageRecord]) -> list[UsageRecord]:
    """Of lines with the same id the first counts: a killed gateway's successor knows less."""
    by_attempt: dict[UUID, UsageRecord] = {}
    for row in rows:
        by_attempt.setdefault(row.attempt_id, row)
    stored = UsageRecord.objects.filter(attempt_id__in=by_attempt)
    for attempt_id in stored.values_list("attempt_id", flat=True):
        del by_attempt[attempt_id]
    return list(by_attempt.values())


def _insert(rows: list[UsageRecord], checkpoint: SpoolCheckpoint) -> list[UsageRecord]:
    """Insert rows; returns those that the database took.

    One bad row must not hold up the rest for ever: where a batch fails, its rows go in one by one.
    """
    try:
        with transaction.atomic():
            insert_rows(rows)
    except (DataError, IntegrityError) as exc:
        if len(rows) == 1:
            logger.warning("spool %s: %s refused: %.100s", checkpoint.name, rows[0].attempt_id, exc)
            return []
        return [taken for row in rows for taken in _insert([row], checkpoint)]
    return rows


def _count(calls: Iterable[UsageRecord]) -> None:
    change = RollupChange()
    for call in calls:
        change.add(call)
    change.write()


def _remove_if_old(file: SpoolFile, now: datetime) -> None:
    """Delete a file that is read and long done with; the newest may still be written."""
    keep = timedelta(days=settings.CAM_SPOOL_KEEP_DAYS)
    if not file.is_newest and file.has_been_still(keep, now):
        Path(file.path).unlink(missing_ok=True)
        SpoolCheckpoint.objects.filter(node=settings.CAM_NODE_NAME, name=file.name).delete()
