"""The generated month as rows of a database. Runs in the process of a `Database`."""

import json
import os
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction

from agents.models import Agent, AgentSession, Status
from bench.cost.rows import Call, Rates, make_calls
from bench.cost.spool import make_line
from bench.cost.world import USERS, Session, World, make_world
from metrics_app.attempts import assess
from metrics_app.models import CallKind, DailyUsage, HourlyUsage, UsageRecord
from metrics_app.spool import parse_line

STAFF = "user 1"
FIELDS = (
    "attempt_id", "user", "agent", "session", "started_at", "kind", "method", "path", "status",
    "complete", "error", "streamed", "requested_model", "model", "message_id", "request_id",
    "input_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "cache_read_tokens",
    "output_tokens", "thinking_tokens", "service_tier", "raw_usage", "first_byte_ms", "total_ms", "cost_usd",
    "is_estimated", "is_unpriced", "price_version", "turn", "tool_name", "tool_calls",
)  # fmt: skip
COST = FIELDS.index("cost_usd") - 5


# Of so many calls one is priced as the ingest would.
CHECKED = 997


def load(rows: int, now: datetime, seed: int) -> None:
    """Everything but the rollups, in one transaction."""
    call_command("migrate", verbosity=0)
    world = make_world(rows, now, seed)
    with transaction.atomic():
        _load_world(world, now)
        _load_calls(_checked(make_calls(world.sessions, Rates(now)), now))
    _settle()


def build_rollups() -> None:
    """As an operator would."""
    with open(os.devnull, "w") as nowhere:
        call_command("rebuild_rollups", stdout=nowhere)
    _settle()


def describe() -> tuple[str, int, int, int]:
    """The version; how many calls, sums by hour, sums by day."""
    version = ".".join(map(str, connection.get_database_version()))
    calls, hourly, daily = (
        model.objects.count() for model in (UsageRecord, HourlyUsage, DailyUsage)
    )
    return f"{connection.display_name} {version}", calls, hourly, daily


def _settle() -> None:
    """Do what the databases do by themselves in the course of a day."""
    statement = (
        "VACUUM ANALYZE" if connection.vendor == "postgresql" else "PRAGMA wal_checkpoint(TRUNCATE)"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
    # The next one has the portal's own settings again.
    connection.close()


def _load_world(world: World, now: datetime) -> None:
    User.objects.bulk_create(
        User(pk=number, username=f"user {number}", is_staff=number == 1)
        for number in range(1, USERS + 1)
    )
    busy = {session.agent.id for session in world.live}
    Agent.objects.bulk_create(
        Agent(
            pk=agent.id,
            owner_id=agent.user_id,
            name=agent.name,
            workspace=agent.workspace,
            model=agent.model,
            status=Status.WORKING if agent.id in busy else Status.STOPPED,
            node="bench",
            deleted_at=now if agent.is_deleted else None,
        )
        for agent in world.agents
    )
    sessions = [*world.sessions, *world.live]
    rows = AgentSession.objects.bulk_create(_make_session(session) for session in sessions)
    # The insert says that all of them were made just now.
    for row, session in zip(rows, sessions, strict=True):
        row.created_at = session.started_at
    AgentSession.objects.bulk_update(rows, ["created_at"], batch_size=200)


def _make_session(session: Session) -> AgentSession:
    return AgentSession(
        pk=session.id, agent_id=session.agent.id, number=session.number, ended_at=session.ended_at
    )


def _checked(calls: Iterable[Call], now: datetime) -> Iterator[Call]:
    for number, call in enumerate(calls):
        if number % CHECKED == 0:
            priced = assess(parse_line(make_line(call).encode(), now=now)).priced
            costs = (priced.cost_usd, priced.is_estimated, priced.is_unpriced)
            assert costs == (call.cost_usd, call.end == "cut", call.end == "unpriced"), call
        yield call


def _load_calls(calls: Iterator[Call]) -> None:
    """The fastest way into each database. Fields that are not named get the model's defaults."""
    fields = [field for field in UsageRecord._meta.concrete_fields if not field.primary_key]
    named = [UsageRecord._meta.get_field(name) for name in FIELDS]
    others = [field for field in fields if field not in named]
    defaults = tuple(field.get_default() for field in others)
    names = ", ".join(field.column for field in (*named, *others))
    rows = ((*_values_of(call), *defaults) for call in calls)
    table = UsageRecord._meta.db_table
    if connection.vendor == "postgresql":
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)
    else:
        marks = ", ".join("?" * len(fields))
        with connection.cursor() as cursor:
            # The indexes do not fit into the default of 2 MB, and each row would read from the disk.
            cursor.execute("PRAGMA cache_size = -1000000")
        connection.connection.executemany(
            f"INSERT INTO {table} ({names}) VALUES ({marks})", map(_as_sqlite_values, rows)
        )


def _values_of(call: Call) -> tuple[object, ...]:
    """In the order of `FIELDS`, as the ingest would store them."""
    agent, session = call.session.agent, call.session
    is_counting = call.end == "count_tokens"
    is_answered = call.has_usage or is_counting
    return (
        call.attempt_id, agent.user_id, agent.id, session.id, call.started_at,
        CallKind.COUNT_TOKENS.value if is_counting else CallKind.MESSAGES.value, "POST",
        "/v1/messages/count_tokens" if is_counting else "/v1/messages", call.status,
        is_answered and call.end != "cut", call.error, call.has_usage,
        call.model, call.model if call.has_usage else "", call.message_id, call.request_id,
        call.input, call.cache_write_5m, call.cache_write_1h, call.cache_read,
        call.output, call.thinking, "standard" if call.has_usage else "",
        json.dumps(call.usage) if call.has_usage else None,
        call.first_byte_ms, call.total_ms, call.cost_usd,
        call.end == "cut", call.end == "unpriced", call.price_version,
        call.turn, call.tool, 1 if call.tool else 0,
    )  # fmt: skip


def _as_sqlite_values(row: tuple[object, ...]) -> tuple[object, ...]:
    """As Django writes them: UUIDs as hexadecimal digits, times without their zone, costs as text."""
    attempt_id, user, agent_id, session, started_at, *others = row
    others[COST] = None if others[COST] is None else str(others[COST])
    return (
        attempt_id.hex,
        user,
        agent_id.hex,
        session,
        str(started_at.replace(tzinfo=None)),
        *others,
    )
