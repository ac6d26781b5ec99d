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
from secrets import randbelow
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Min, Model

from metrics_app.histogram import (
    BUCKETS,
    FIRST_BYTE_BOUNDS_MS,
    TOTAL_BOUNDS_MS,
    bucket_of,
)
from metrics_app.models import (
    CallKind,
    DailySpending,
    DailyTotal,
    DailyUsage,
    DayVersion,
    HourlyUsage,
    UsageRecord,
)
from metrics_app.models.rollups import FIRST_BYTE_COLUMNS, TOTAL_COLUMNS
from metrics_app.price_list import PRICED_KINDS
from metrics_app.querysets import EVERYONE, STEPS_A_USD, TOKEN_COLUMNS
from metrics_app.ranges import DayRange

ROWS_A_STATEMENT = 500
PAUSE_SECONDS = 0.1
MAX_VERSION_STEP = 2**32
SPENDING_COLUMNS = ("attempts", "cost_steps", "calls", "unpriced")
OUTCOME_COLUMNS = (
    "failed",
    "rate_limited",
    "overloaded",
    "estimated",
    "estimated_steps",
)
UNPRICED_COLUMNS = tuple(f"unpriced_{kind}_tokens" for kind in PRICED_KINDS)
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

    def make_sums(self) -> Sums:
        return defaultdict(lambda: [0] * len(self.columns))

    @property
    def time(self) -> str:
        return "hour" if "hour" in self.keys else "day"

    def read(self, day: date) -> Iterable[tuple[Key, Sequence[int]]]:
        span = DayRange.of_day(day)
        in_day = (
            {"hour__gte": span.start_at, "hour__lt": span.end_at}
            if self.time == "hour"
            else {"day": day}
        )
        rows = self.model._default_manager.filter(**in_day)
        for row in rows.values_list(*self.keys, *self.columns):
            yield row[: len(self.keys)], row[len(self.keys) :]


_USAGE_COLUMNS = SPENDING_COLUMNS + OUTCOME_COLUMNS + TOKEN_COLUMNS + UNPRICED_COLUMNS
# The first column tells whether anything is left. Those of a table are the first of the table that it sums up.
_DAILY_COLUMNS = (*_USAGE_COLUMNS, *FIRST_BYTE_COLUMNS, *TOTAL_COLUMNS)
HOURLY = _Table(HourlyUsage, ("hour", "model", "agent_id", "user_id"), _USAGE_COLUMNS)
DAILY = _Table(DailyUsage, ("day", "model", "agent_id", "session_id", "user_id"), _DAILY_COLUMNS)
SPENDING = _Table(DailySpending, ("day", "session_id", "agent_id", "user_id"), SPENDING_COLUMNS)
TOTAL = _Table(DailyTotal, ("owner_id", "day", "model", "is_answered"), _DAILY_COLUMNS)
VERSION = _Table(DayVersion, ("owner_id", "day"), ("version",))
TABLES = (HOURLY, DAILY, SPENDING, TOTAL, VERSION)


class RollupChange:
    """Differences to the sums: `add` and `remove` calls, then `write` once."""

    def __init__(self) -> None:
        self._hourly = HOURLY.make_sums()
        # As `DAILY`, with its other keys behind whether the model did answer.
        self._daily = DAILY.make_sums()

    def add(self, record: UsageRecord) -> None:
        self._count(record, 1)

    def remove(self, record: UsageRecord) -> None:
        """As the sums know it: before it is changed."""
        self._count(record, -1)

    def _count(self, record: UsageRecord, sign: int) -> None:
        moment = record.started_at.astimezone(UTC)
        hour = moment.replace(minute=0, second=0, microsecond=0)
        model = record.model or record.requested_model
        agent_id, user_id = record.agent_id, record.user_id
        values = count_usage(record)
        _add_to(self._hourly[hour, model, agent_id, user_id], values, sign)
        key = (moment.date(), model, agent_id, record.session_id or 0, user_id)
        of_day = self._daily[bool(record.model), *key]
        _add_to(of_day, values, sign)
        for bucket in find_buckets(record):
            of_day[len(values) + bucket] += sign

    def _tables(self) -> dict[_Table, Sums]:
        """The differences of each table."""
        daily, spending, total = DAILY.make_sums(), SPENDING.make_sums(), TOTAL.make_sums()
        for (is_answered, *key), values in self._daily.items():
            day, model, agent_id, session_id, user_id = key
            _add_to(daily[tuple(key)], values, 1)
            of_session = spending[day, session_id, agent_id, user_id]
            _add_to(of_session, values[: len(of_session)], 1)
            for owner_id in (EVERYONE, user_id):
                _add_to(total[owner_id, day, model, is_answered], values, 1)
        return {HOURLY: self._hourly, DAILY: daily, SPENDING: spending, TOTAL: total}

    def write(self) -> int:
        """Add the differences; how many sums changed. Belongs into the calls' transaction, last."""
        return _write_tables(self._tables())

    def write_as_all_of(self, day: date) -> int:
        """Make the sums of a day those of the calls that were added; how many were wrong."""
        tables = self._tables()
        for table, sums in tables.items():
            for key, values in table.read(day):
                _add_to(sums[key], values, -1)
        return _write_tables(tables)


def _add_to(sums: list[int], values: Sequence[int], sign: int) -> None:
    for index, value in enumerate(values):
        sums[index] += sign * value


def count_usage(record: UsageRecord) -> tuple[int, ...]:
    """What a call adds to `_USAGE_COLUMNS`."""
    is_call = record.kind != CallKind.COUNT_TOKENS
    status = record.status
    has_failed = status is None or status >= 400 or not record.complete
    cost_steps = int((record.cost_usd or 0) * STEPS_A_USD)
    return (
        1,
        cost_steps,
        is_call,
        record.is_unpriced,
        is_call and has_failed,
        is_call and status == 429,
        is_call and status == 529,
        record.is_estimated,
        cost_steps if record.is_estimated else 0,
        *(getattr(record, name) for name in TOKEN_COLUMNS),
        *(record.is_unpriced and getattr(record, f"{kind}_tokens") for kind in PRICED_KINDS),
    )


def find_buckets(record: UsageRecord) -> list[int]:
    """Which of the latency columns count the call: none unless it was answered."""
    if record.kind == CallKind.COUNT_TOKENS or record.status is None or record.status >= 400:
        return []
    buckets = []
    if record.first_byte_ms is not None:
        buckets.append(bucket_of(record.first_byte_ms, FIRST_BYTE_BOUNDS_MS))
    if record.total_ms is not None:
        buckets.append(BUCKETS + bucket_of(record.total_ms, TOTAL_BOUNDS_MS))
    return buckets


def _write_tables(tables: Mapping[_Table, Sums]) -> int:
    """Always in the same order: of two writers none waits for the other in a circle."""
    written = 0
    for table, sums in tables.items():
        for key in [key for key, values in sums.items() if not any(values)]:
            del sums[key]
        _write(table, sums)
        written += len(sums)
    _write(VERSION, _find_touched(tables))
    return written


def _find_touched(tables: Mapping[_Table, Sums]) -> Mapping[Key, Sequence[int]]:
    """A step for the version of each day and owner. A call that moves may leave the totals alone.

    Its size is random: a database that was restored does not come by the versions that it had.
    """
    touched = {(owner_id, day) for owner_id, day, *_ in tables[TOTAL]}
    for table in (DAILY, SPENDING):
        for day, *_, user_id in tables[table]:
            touched |= {(EVERYONE, day), (user_id, day)}
    return dict.fromkeys(touched, (randbelow(MAX_VERSION_STEP) + 1,))


def _write(table: _Table, sums: Mapping[Key, Sequence[int]]) -> None:
    """In the order of the keys, as `_write_tables`."""
    rows = [(*key, *sums[key]) for key in sorted(sums)]
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        _upsert(table, rows[start : start + ROWS_A_STATEMENT])
    if any(sums[key][0] < 0 for key in sums):
        times = {key[table.keys.index(table.time)] for key in sums}
        emptied = {f"{table.time}__in": times, "attempts": 0}
        table.model._default_manager.filter(**emptied).delete()


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
                for table in TABLES:
                    cursor.execute(f"LOCK TABLE {table.model._meta.db_table} IN EXCLUSIVE MODE")
        calls = UsageRecord.objects.filter(
            started_at__gte=span.start_at, started_at__lt=span.end_at
        ).only(*READ_FIELDS)
        for record in calls.iterator(chunk_size=2000):
            change.add(record)
        wrong = change.write_as_all_of(day)
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
