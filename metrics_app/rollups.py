"""Keeps the sums by hour and day in step with the ledger, exactly and at every moment.

Whoever stores or changes calls tells a `RollupChange` and writes it in the same transaction. Sums
only ever have differences added to them, by the database itself, so that writers do not overwrite
each other and late calls cost no more than others.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Min, Model

from metrics_app.histogram import (
    BUCKETS,
    FIRST_BYTE_BOUNDS_MS,
    TOTAL_BOUNDS_MS,
    bucket_of,
)
from metrics_app.models import CallKind, DailyLatency, DailyUsage, HourlyUsage, UsageRecord
from metrics_app.models.rollups import FIRST_BYTE_COLUMNS, TOTAL_COLUMNS
from metrics_app.querysets import STEPS_A_USD, TOKEN_COLUMNS
from metrics_app.ranges import DayRange

ROWS_A_STATEMENT = 500
PAUSE_SECONDS = 0.1
OUTCOME_COLUMNS = (
    "cost_steps",
    "estimated_steps",
    "attempts",
    "calls",
    "failed",
    "rate_limited",
    "overloaded",
    "unpriced",
    "estimated",
)
READ_FIELDS = (
    "user_id",
    "agent_id",
    "session_id",
    "started_at",
    "kind",
    "status",
    "complete",
    "requested_model",
    "model",
    *TOKEN_COLUMNS,
    "first_byte_ms",
    "total_ms",
    "cost_usd",
    "is_estimated",
    "is_unpriced",
)

Key = tuple[Any, ...]
Sums = defaultdict[Key, list[int]]


@dataclass(frozen=True, slots=True)
class _Table:
    model: type[Model]
    keys: tuple[str, ...]
    columns: tuple[str, ...]

    def make_zeros(self) -> list[int]:
        return [0] * len(self.columns)

    def read(self, day: date) -> Iterable[tuple[Key, Sequence[int]]]:
        span = DayRange.of_day(day)
        in_day = (
            {"hour__gte": span.start_at, "hour__lt": span.end_at}
            if "hour" in self.keys
            else {"day": day}
        )
        rows = self.model._default_manager.filter(**in_day)
        for row in rows.values_list(*self.keys, *self.columns):
            yield row[: len(self.keys)], row[len(self.keys) :]


_USAGE_KEYS = ("agent_id", "session_id", "model", "is_answered", "user_id")
_USAGE_COLUMNS = OUTCOME_COLUMNS + TOKEN_COLUMNS
HOURLY = _Table(HourlyUsage, ("hour", *_USAGE_KEYS), _USAGE_COLUMNS)
DAILY = _Table(DailyUsage, ("day", *_USAGE_KEYS), _USAGE_COLUMNS)
LATENCY = _Table(
    DailyLatency, ("day", "agent_id", "model", "user_id"), (*FIRST_BYTE_COLUMNS, *TOTAL_COLUMNS)
)


class RollupChange:
    """Differences to the sums: `add` and `remove` calls, then `write` once."""

    def __init__(self) -> None:
        self._sums: dict[_Table, Sums] = {
            table: defaultdict(table.make_zeros) for table in (HOURLY, DAILY, LATENCY)
        }

    def add(self, record: UsageRecord) -> None:
        self._count(record, 1)

    def remove(self, record: UsageRecord) -> None:
        """As the sums know it: before it is changed."""
        self._count(record, -1)

    def _count(self, record: UsageRecord, sign: int) -> None:
        moment = record.started_at.astimezone(UTC)
        model = record.model or record.requested_model
        of_agent = (record.agent_id, record.session_id or 0, model, bool(record.model))
        values = count_usage(record)
        hour = moment.replace(minute=0, second=0, microsecond=0)
        for table, at in ((HOURLY, hour), (DAILY, moment.date())):
            _add_to(self._sums[table][at, *of_agent, record.user_id], values, sign)
        if buckets := find_buckets(record):
            counts = self._sums[LATENCY][moment.date(), record.agent_id, model, record.user_id]
            for bucket in buckets:
                counts[bucket] += sign

    def subtract_stored(self, day: date) -> None:
        """Take away what the sums of a day say now, so that the differences to it are left."""
        for table, sums in self._sums.items():
            for key, values in table.read(day):
                _add_to(sums[key], values, -1)

    def write(self) -> int:
        """Add the differences; how many sums changed. Belongs into the calls' transaction, last."""
        return sum(_write(table, sums) for table, sums in self._sums.items())


def _add_to(sums: list[int], values: Sequence[int], sign: int) -> None:
    for index, value in enumerate(values):
        sums[index] += sign * value


def count_usage(record: UsageRecord) -> tuple[int, ...]:
    """What a call adds to `OUTCOME_COLUMNS` and `TOKEN_COLUMNS`."""
    is_call = record.kind != CallKind.COUNT_TOKENS
    status = record.status
    has_failed = status is None or status >= 400 or not record.complete
    cost_steps = int((record.cost_usd or 0) * STEPS_A_USD)
    return (
        cost_steps,
        cost_steps if record.is_estimated else 0,
        1,
        is_call,
        is_call and has_failed,
        is_call and status == 429,
        is_call and status == 529,
        record.is_unpriced,
        record.is_estimated,
        *(getattr(record, name) for name in TOKEN_COLUMNS),
    )


def find_buckets(record: UsageRecord) -> list[int]:
    """The columns of `LATENCY` that count the call: none unless it was answered."""
    if record.kind == CallKind.COUNT_TOKENS or record.status is None or record.status >= 400:
        return []
    buckets = []
    if record.first_byte_ms is not None:
        buckets.append(bucket_of(record.first_byte_ms, FIRST_BYTE_BOUNDS_MS))
    if record.total_ms is not None:
        buckets.append(BUCKETS + bucket_of(record.total_ms, TOTAL_BOUNDS_MS))
    return buckets


def _write(table: _Table, sums: Mapping[Key, Sequence[int]]) -> int:
    """In the order of the keys: of two writers none waits for the other in a circle."""
    rows = [(*key, *sums[key]) for key in sorted(sums) if any(sums[key])]
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        _upsert(table, rows[start : start + ROWS_A_STATEMENT])
    if "attempts" in table.columns and any(min(row[len(table.keys) :]) < 0 for row in rows):
        times = {row[0] for row in rows}
        emptied = {f"{table.keys[0]}__in": times, "attempts": 0}
        table.model._default_manager.filter(**emptied).delete()
    return len(rows)


def _upsert(table: _Table, rows: Sequence[Sequence[Any]]) -> None:
    # The ORM's own upsert can replace, not add.
    meta = table.model._meta
    fields: list[Any] = [meta.get_field(name) for name in (*table.keys, *table.columns)]
    quote = connection.ops.quote_name
    name = quote(meta.db_table)
    columns = [quote(field.column) for field in fields]
    keys, sums = columns[: len(table.keys)], columns[len(table.keys) :]
    added = ", ".join(f"{column} = {name}.{column} + excluded.{column}" for column in sums)
    source, values = _make_source(fields, _prepare(fields[: len(table.keys)], rows))
    statement = (
        f"INSERT INTO {name} ({', '.join(columns)}) {source} "
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {added}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _prepare(keys: Sequence[Any], rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """As the database takes them: sums are whole numbers, which it takes as they are."""
    return [
        [field.get_db_prep_save(value, connection) for field, value in zip(keys, row, strict=False)]
        + list(row[len(keys) :])
        for row in rows
    ]


def _make_source(fields: Sequence[Any], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """The rows as SQL with its parameters: on PostgreSQL one a column, many times cheaper than one a value."""
    if connection.vendor == "postgresql":
        arrays = ", ".join(f"%s::{field.db_type(connection)}[]" for field in fields)
        columns = [list(column) for column in zip(*rows, strict=True)]
        return f"SELECT * FROM UNNEST({arrays})", columns  # noqa: S608, types of our own fields
    row = f"({', '.join(['%s'] * len(fields))})"
    return f"VALUES {', '.join([row] * len(rows))}", [value for values in rows for value in values]


def correct_day(day: date, *, is_dry_run: bool = False) -> int:
    """Make a day's sums those of its calls; how many were wrong. The ingest waits meanwhile."""
    change = RollupChange()
    span = DayRange.of_day(day)
    with transaction.atomic():
        if connection.vendor == "postgresql":
            # Who holds a difference that is not committed yet goes first, all others afterwards.
            with connection.cursor() as cursor:
                for table in (HourlyUsage, DailyUsage, DailyLatency):
                    cursor.execute(f"LOCK TABLE {table._meta.db_table} IN EXCLUSIVE MODE")
        calls = UsageRecord.objects.filter(
            started_at__gte=span.start_at, started_at__lt=span.end_at
        ).only(*READ_FIELDS)
        for record in calls.iterator(chunk_size=2000):
            change.add(record)
        change.subtract_stored(day)
        wrong = change.write()
        if is_dry_run:
            transaction.set_rollback(True)
    return wrong


def let_others_write() -> None:
    """Between the transactions of a long job: SQLite's writers poll for their turn, 0.1 s apart."""
    if connection.vendor == "sqlite":
        time.sleep(PAUSE_SECONDS)


def days_of_ledger() -> DayRange | None:
    """From the first to the last day that calls or sums know of; None without any."""
    calls = UsageRecord.objects.aggregate(first=Min("started_at"), last=Max("started_at"))
    sums = DailyUsage.objects.aggregate(first=Min("day"), last=Max("day"))
    known = [_day(value) for value in (*calls.values(), *sums.values()) if value is not None]
    if not known:
        return None
    return DayRange(min(known), DayRange.of_day(max(known)).end)


def _day(value: datetime | date) -> date:
    return value.astimezone(UTC).date() if isinstance(value, datetime) else value
