"""The sums by hour and day equal those of the calls, whatever happens to these."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from itertools import chain

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.db.models import Count, F, Q, Sum, Value
from django.db.models.functions import Coalesce, NullIf, TruncDate

from agents.models import Agent
from metrics_app.ingest import ingest_spool
from metrics_app.models import (
    DailySpending,
    DailyTotal,
    DailyUsage,
    DayVersion,
    HourlyUsage,
    MessageNote,
    PriceOverride,
    UsageRecord,
)
from metrics_app.models.rollups import FIRST_BYTE_COLUMNS, TOTAL_COLUMNS
from metrics_app.price_list import PRICED_KINDS
from metrics_app.querysets import EVERYONE
from metrics_app.ranges import DayRange
from metrics_app.repricing import reprice
from metrics_app.rollups import RollupChange, correct_day, days_of_ledger
from metrics_app.turns import write_notes
from tests.agents.factories import make_session
from tests.metrics_app.conftest import CHECK_USAGE, OPUS, STARTED

pytestmark = pytest.mark.django_db

PRICES = [f"{kind}_price" for kind in PRICED_KINDS]


def list_sums(rows, keys, **sums):
    return sorted(rows.values_list(*keys).annotate(**sums))


@pytest.fixture
def assert_in_step():
    """Every sum is that of the calls, also by every key."""

    def check():
        records = UsageRecord.objects.order_by().annotate(
            day=TruncDate("started_at", tzinfo=UTC),
            known=Coalesce(F("session_id"), 0),
            named=Coalesce(NullIf(F("model"), Value("")), F("requested_model")),
        )
        everyone = DailyTotal.objects.of_everyone()
        of_users = DailyTotal.objects.exclude(owner_id=EVERYONE)
        for sums, of_sums, of_records in (
            (HourlyUsage.objects, ("agent_id", "model"), ("agent_id", "named")),
            (DailyUsage.objects, ("day", "agent_id", "model"), ("day", "agent_id", "named")),
            (everyone, ("day", "model"), ("day", "named")),
            (of_users, ("owner_id", "day", "model"), ("user_id", "day", "named")),
        ):
            found = list_sums(sums, of_sums, count=Sum("attempts"), tokens=Sum("output_tokens"))
            assert found == list_sums(
                records, of_records, count=Count("pk"), tokens=Sum("output_tokens")
            )
        keys = ("day", "user_id", "agent_id")
        assert list_sums(
            DailySpending.objects, (*keys, "session_id"), count=Sum("attempts"), no=Sum("unpriced")
        ) == list_sums(
            records, (*keys, "known"), count=Count("pk"), no=Count("pk", filter=Q(is_unpriced=True))
        )
        for model in (HourlyUsage, DailyUsage):
            assert model.objects.totals() == UsageRecord.objects.totals()
        for model in (HourlyUsage, DailyUsage, DailySpending, DailyTotal):
            assert not model.objects.filter(attempts=0).exists()
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
    assert DailySpending.objects.filter(session_id=session.pk).exists()


def test_a_call_that_is_taken_away_leaves_no_row(agent, make_record):
    record = make_record(agent)
    sums = RollupChange()
    sums.remove(record)
    sums.write()
    for model in (HourlyUsage, DailyUsage, DailySpending, DailyTotal):
        assert not model.objects.exists()


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
    row = DailyUsage.objects.get()
    assert (row.model, row.attempts, row.failed) == (OPUS, 2, 1)
    totals = DailyTotal.objects.of_everyone().order_by("is_answered")
    rows = totals.values_list("model", "is_answered", "failed")
    assert list(rows) == [(OPUS, False, 1), (OPUS, True, 0)]


def test_tokens_of_calls_without_a_price_are_told_apart(agent, make_record):
    make_record(agent)
    make_record(agent, is_unpriced=True, cost_usd=None, input_tokens=5, output_tokens=7)
    for row in (HourlyUsage.objects.get(), DailyUsage.objects.get()):
        assert (row.unpriced_input_tokens, row.unpriced_output_tokens) == (5, 7)
        assert (row.input_tokens, row.output_tokens) == (1205, 84)


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
    row = DailyUsage.objects.get()
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
    with django_assert_num_queries(5):  # the last: the version of the day
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


def test_totals_are_of_one_user_or_of_all_that_the_viewer_sees(
    alice, bob, staff, make_agent, make_record
):
    make_record(make_agent(alice))
    make_record(make_agent(bob), model="claude-haiku-4-5")
    totals = DailyTotal.objects

    def count(*who):
        return sum(totals.visible_to(*who).values_list("calls", flat=True))

    assert [count(alice), count(staff), count(staff, bob.pk)] == [1, 2, 1]
    assert [count(alice, bob.pk), count(AnonymousUser())] == [0, 0]


@pytest.fixture
def versions():
    def read():
        return dict(DayVersion.objects.values_list("owner_id", "version"))

    return read


def test_whatever_is_written_to_a_day_gives_it_another_version(
    alice, bob, make_agent, make_record, versions
):
    agent = make_agent(alice)
    record = make_record(agent)
    make_record(make_agent(bob))
    before = versions()
    sums = RollupChange()
    sums.remove(record)
    record.session = make_session(agent)
    sums.add(record)
    sums.write()
    after = versions()
    assert {owner for owner in after if after[owner] != before[owner]} == {EVERYONE, alice.pk}


def test_a_day_to_which_nothing_is_written_keeps_its_version(agent, make_record, versions):
    record = make_record(agent)
    before = versions()
    sums = RollupChange()
    sums.remove(record)
    sums.add(record)
    assert sums.write() == correct_day(STARTED.date()) == 0
    assert versions() == before


def test_a_correction_gives_the_day_another_version(agent, make_record, versions):
    make_record(agent)
    before = versions()
    DailySpending.objects.update(calls=77)
    assert correct_day(STARTED.date()) == 1
    assert versions()[EVERYONE] != before[EVERYONE]


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
    DailySpending.objects.filter(day=STARTED.date()).update(day=STARTED.date() - timedelta(days=3))
    DailyTotal.objects.of_everyone().update(total_0=77)
    assert run().endswith("10 days, 6 sums corrected\n")
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
    assert DailyUsage.objects.get().session_id == session.pk
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
