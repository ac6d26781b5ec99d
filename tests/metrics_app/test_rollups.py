"""The sums by hour and day equal those of the calls, whatever happens to these."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from itertools import chain

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum

from agents.models import Agent
from metrics_app.ingest import ingest_spool
from metrics_app.models import (
    DailyLatency,
    DailyUsage,
    HourlyUsage,
    MessageNote,
    PriceOverride,
    UsageRecord,
)
from metrics_app.models.rollups import FIRST_BYTE_COLUMNS, TOTAL_COLUMNS
from metrics_app.price_list import PRICED_KINDS
from metrics_app.ranges import DayRange
from metrics_app.repricing import reprice
from metrics_app.rollups import RollupChange, correct_day, days_of_ledger
from metrics_app.turns import write_notes
from tests.agents.factories import make_session
from tests.metrics_app.conftest import CHECK_USAGE, OPUS, STARTED

pytestmark = pytest.mark.django_db

PRICES = [f"{kind}_price" for kind in PRICED_KINDS]


@pytest.fixture
def assert_in_step():
    """Every sum is that of the calls, also by every key."""

    def check():
        for model in (HourlyUsage, DailyUsage):
            assert model.objects.totals() == UsageRecord.objects.totals()
            assert not model.objects.filter(attempts=0).exists()
            total = model.objects.aggregate(count=Sum("attempts"))["count"] or 0
            assert total == UsageRecord.objects.count()
        span = days_of_ledger()
        for day in span.days if span else ():
            assert correct_day(day, is_dry_run=True) == 0

    return check


def make_lines(make_line, agents, *, seed, count):
    """Seeded lines of all sorts over three days, in no order."""
    dice = random.Random(seed)
    for number in range(count):
        usage = CHECK_USAGE | {
            "input_tokens": dice.randrange(5000),
            "output_tokens": dice.randrange(900),
        }
        status = dice.choice([200, 200, 200, 200, 429, 529, 500, None])
        yield make_line(
            dice.choice(agents).pk,
            started_at=(STARTED - timedelta(minutes=dice.randrange(3 * 24 * 60))).isoformat(),
            kind=dice.choice(["messages", "messages", "messages", "count_tokens"]),
            status=status,
            complete=dice.random() > 0.1,
            model=dice.choice([OPUS, "claude-haiku-4-5", "nobody-knows-1", None]),
            usage=usage if status == 200 else None,
            message_id=f"msg_{number}",
            total_ms=dice.choice([None, dice.random() * 200_000]),
        )


@pytest.mark.parametrize("seed", range(5))
def test_sums_stay_in_step_when_calls_come_late_move_and_are_priced_again(
    alice, bob, make_agent, make_line, spool, assert_in_step, seed
):
    agents = [make_agent(alice), make_agent(alice, name="tester"), make_agent(bob)]
    lines = list(make_lines(make_line, agents, seed=seed, count=120))
    spool(*lines[:80])
    ingest_spool()
    assert_in_step()
    PriceOverride.objects.create(
        pattern="nobody-*",
        starts_at=STARTED - timedelta(days=2),
        input_price=Decimal("1.234567"),
        output_price=3,
        cache_write_5m_price=1,
        cache_write_1h_price=2,
        cache_read_price=Decimal("0.1"),
    )
    assert reprice(UsageRecord.objects.all())
    assert_in_step()
    spool(*lines[80:], *lines[:10])
    ingest_spool()
    assert_in_step()
    session = make_session(agents[0])
    notes = [
        MessageNote.objects.create(
            agent=agents[0], session=session, message_id=f"msg_{number}", turn=1
        )
        for number in range(120)
    ]
    write_notes([note.pk for note in notes])
    assert_in_step()
    assert HourlyUsage.objects.filter(session_id=session.pk).exists()


def test_a_call_that_is_taken_away_leaves_no_row(agent, make_record):
    record = make_record(agent)
    sums = RollupChange()
    sums.remove(record)
    sums.write()
    assert not HourlyUsage.objects.exists()
    assert not DailyUsage.objects.exists()


def test_hours_and_days_begin_in_utc(agent, make_record):
    make_record(agent, started_at=datetime(2026, 11, 23, 23, 59, 59, 999_999, tzinfo=UTC))
    make_record(agent, started_at=datetime(2026, 11, 24, tzinfo=UTC))
    days = DailyUsage.objects.order_by("day").values_list("day", flat=True)
    hours = HourlyUsage.objects.order_by("hour").values_list("hour", flat=True)
    assert list(days) == [date(2026, 11, 23), date(2026, 11, 24)]
    assert [hour.hour for hour in hours] == [23, 0]


def test_a_call_without_an_answer_stands_under_the_model_that_was_asked_for(agent, make_record):
    make_record(agent, model="", requested_model=OPUS, status=529, cost_usd=None)
    make_record(agent, model=OPUS)
    rows = DailyUsage.objects.order_by("is_answered").values_list("model", "is_answered", "failed")
    assert list(rows) == [(OPUS, False, 1), (OPUS, True, 0)]


def test_outcomes_are_counted(agent, make_record):
    make_record(agent, status=429, complete=True, cost_usd=None)
    make_record(agent, status=529, cost_usd=None)
    make_record(agent, status=None, complete=False, cost_usd=None)
    make_record(agent, is_estimated=True, cost_usd=Decimal("0.0000000001"))
    make_record(agent, kind="count_tokens", status=500, cost_usd=None)
    names = ("attempts", "calls", "failed", "rate_limited", "overloaded", "estimated_steps")
    sums = DailyUsage.objects.aggregate(**{name: Sum(name) for name in names})
    assert [sums[name] for name in names] == [5, 4, 3, 1, 1, 1]


def test_latencies_of_answered_calls_are_counted_in_buckets(agent, make_record):
    make_record(agent, first_byte_ms=250, total_ms=1_000_000)
    make_record(agent, first_byte_ms=None, total_ms=None)
    make_record(agent, first_byte_ms=10, total_ms=10, status=500)
    make_record(agent, first_byte_ms=10, total_ms=10, kind="count_tokens")
    row = DailyLatency.objects.get()
    counts = {name: getattr(row, name) for name in chain(FIRST_BYTE_COLUMNS, TOTAL_COLUMNS)}
    assert {name for name, count in counts.items() if count} == {"first_byte_0", "total_11"}
    assert sum(counts.values()) == 2


def test_a_batch_adds_to_the_sums_in_a_statement_a_table(
    agent, make_record, django_assert_num_queries
):
    records = [make_record(agent) for _ in range(20)]
    sums = RollupChange()
    for record in records:
        sums.add(record)
    with django_assert_num_queries(2):  # no latencies
        sums.write()


def test_more_sums_than_fit_into_a_statement_are_all_written(agent, make_record, monkeypatch):
    monkeypatch.setattr("metrics_app.rollups.ROWS_A_STATEMENT", 2)
    sums = RollupChange()
    for number in range(5):
        sums.add(make_record(agent, model=f"model-{number}"))
    sums.write()
    assert DailyUsage.objects.totals().calls == 10


def test_users_see_their_own_sums_and_staff_see_all(alice, bob, staff, make_agent, make_record):
    make_record(make_agent(alice))
    make_record(make_agent(bob))
    assert DailyUsage.objects.visible_to(alice).totals().calls == 1
    assert DailyUsage.objects.visible_to(staff).totals().calls == 2


def test_sums_without_rows_are_nothing():
    assert DailyUsage.objects.totals() == UsageRecord.objects.totals()
    assert days_of_ledger() is None


def run(**options):
    out = StringIO()
    call_command("rebuild_rollups", stdout=out, **options)
    return out.getvalue()


def test_an_empty_ledger_needs_no_correction():
    assert run() == "0 days, no sums corrected\n"


def test_sums_in_step_are_left_alone(agent, make_record):
    make_record(agent, total_ms=5)
    assert run() == "1 days, no sums corrected\n"


def test_wrong_and_missing_and_surplus_sums_are_corrected(agent, make_record, assert_in_step):
    make_record(agent, total_ms=5)
    make_record(agent, started_at=STARTED - timedelta(days=9))
    HourlyUsage.objects.filter(hour__gte=STARTED - timedelta(hours=1)).update(calls=77)
    DailyUsage.objects.filter(day=STARTED.date()).delete()
    DailyLatency.objects.update(day=STARTED.date() - timedelta(days=3))
    assert run().endswith("10 days, 4 sums corrected\n")
    assert_in_step()


def test_a_dry_run_tells_and_changes_nothing(agent, make_record):
    make_record(agent)
    DailyUsage.objects.update(calls=77)
    with pytest.raises(CommandError, match="1 sums of 1 days are wrong"):
        run(dry_run=True)
    assert DailyUsage.objects.get().calls == 77


def test_deleted_agents_keep_their_sums(agent, make_record):
    make_record(agent)
    Agent.objects.update(deleted_at=STARTED)
    assert DailyUsage.objects.totals().calls == 1
    assert DayRange.of_day(STARTED.date()).days == [STARTED.date()]


def test_sums_stay_in_step_when_a_deleted_agents_sessions_go(
    alice, make_agent, make_line, spool, assert_in_step
):
    agent = make_agent(alice)
    session = make_session(agent)
    spool(make_line(agent.pk, started_at=session.created_at.isoformat()))
    ingest_spool()
    assert HourlyUsage.objects.get().session_id == session.pk
    agent.sessions.all().delete()
    assert_in_step()
    PriceOverride.objects.create(
        pattern="*", starts_at=STARTED, **dict.fromkeys(PRICES, Decimal("0.1"))
    )
    reprice(UsageRecord.objects.all())
    assert_in_step()


def test_a_usage_beyond_belief_does_not_hold_up_the_ingest(agent, make_line, spool, assert_in_step):
    PriceOverride.objects.create(
        pattern="*", starts_at=STARTED, multiplier=100, **dict.fromkeys(PRICES, Decimal(10_000))
    )
    much = {"type": "compaction", "input_tokens": 100_000_000}
    usage = CHECK_USAGE | {"iterations": [much] * 1000}
    spool(make_line(agent.pk, usage=usage), make_line(agent.pk, usage=CHECK_USAGE))
    assert ingest_spool() == 2
    assert UsageRecord.objects.filter(is_unpriced=True).count() == 1
    assert_in_step()
