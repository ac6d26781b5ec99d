import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from metrics_app.ledger import Grouping, Selection
from metrics_app.models import UsageRecord
from metrics_app.querysets import UsageTotals
from metrics_app.ranges import DayRange

pytestmark = pytest.mark.django_db

NOVEMBER = DayRange.parse_month("2026-11")
TOKEN_FIELDS = (
    *("input_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "cache_read_tokens"),
    *("output_tokens", "thinking_tokens", "web_searches"),
)


@pytest.fixture
def random_ledger(alice, bob, make_agent, make_record):
    """Calls of two users whose costs use all ten places."""
    chance = random.Random(20261123)
    agents = [make_agent(owner, name) for owner in (alice, bob) for name in ("fixer", "writer")]
    for _ in range(300):
        cost = Decimal(chance.randrange(1, 10**13)).scaleb(-10)
        is_unpriced = chance.random() < 0.1
        make_record(
            chance.choice(agents),
            started_at=NOVEMBER.start_at + timedelta(seconds=chance.randrange(30 * 86400)),
            kind=chance.choice(["messages", "messages", "count_tokens"]),
            model=chance.choice(["claude-opus-5-5", "claude-haiku-4-5", ""]),
            requested_model="claude-opus-5-5",
            cost_usd=None if is_unpriced else cost,
            is_unpriced=is_unpriced,
            is_estimated=chance.random() < 0.2,
            **{name: chance.randrange(10**8) for name in TOKEN_FIELDS},
        )


def add_up(records):
    """The totals by hand, a row at a time."""
    return UsageTotals(
        calls=sum(one.kind != "count_tokens" for one in records),
        unpriced=sum(one.is_unpriced for one in records),
        estimated=sum(one.is_estimated for one in records),
        cost_usd=sum((one.cost_usd for one in records if one.cost_usd is not None), Decimal(0)),
        **{name: sum(getattr(one, name) for one in records) for name in TOKEN_FIELDS},
    )


@pytest.mark.parametrize("grouping", Grouping)
def test_totals_equal_the_ledger(random_ledger, staff, grouping):
    report = Selection(NOVEMBER, grouping).report(staff)
    assert report.total == add_up(UsageRecord.objects.all())
    assert str(report.total.cost_usd) == str(add_up(UsageRecord.objects.all()).cost_usd)


def test_each_line_equals_its_part_of_the_ledger(random_ledger, staff):
    lines = Selection(NOVEMBER, Grouping.AGENT).report(staff).lines
    assert len(lines) == 4
    for line in lines:
        assert line.totals == add_up(UsageRecord.objects.filter(agent_id=line.key))


def test_a_user_gets_own_calls_only(random_ledger, alice):
    report = Selection(NOVEMBER).report(alice)
    assert [line.key for line in report.lines] == ["alice"]
    assert report.total == add_up(UsageRecord.objects.filter(user=alice))


def test_a_user_who_asks_for_another_gets_nothing(random_ledger, alice):
    assert Selection(NOVEMBER, username="bob").report(alice).lines == ()


def test_staff_may_ask_for_one_user(random_ledger, staff, bob):
    report = Selection(NOVEMBER, username="bob").report(staff)
    assert report.total == add_up(UsageRecord.objects.filter(user=bob))


def test_the_first_day_is_in_and_the_end_is_not(agent, alice, make_record):
    second = timedelta(microseconds=1)
    for moment in (NOVEMBER.start_at - second, NOVEMBER.end_at):
        make_record(agent, started_at=moment, cost_usd=Decimal(100))
    for moment in (NOVEMBER.start_at, NOVEMBER.end_at - second):
        make_record(agent, started_at=moment, cost_usd=Decimal(1))
    assert Selection(NOVEMBER).report(alice).total.cost_usd == 2


def test_months_next_to_each_other_miss_and_double_nothing(random_ledger, staff):
    middle = date(2026, 11, 13)
    halves = [DayRange(NOVEMBER.first, middle), DayRange(middle, NOVEMBER.end)]
    totals = [Selection(days).report(staff).total for days in halves]
    assert totals[0] + totals[1] == Selection(NOVEMBER).report(staff).total


def test_days_are_those_of_utc(agent, alice, make_record, settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    make_record(agent, started_at=datetime(2026, 11, 23, 23, 59, tzinfo=UTC))
    make_record(agent, started_at=datetime(2026, 11, 24, 0, 0, tzinfo=UTC))
    lines = Selection(NOVEMBER, Grouping.DAY).report(alice).lines
    assert [line.key for line in lines] == ["2026-11-23", "2026-11-24"]


def test_the_dearest_comes_first_and_the_unknown_last(alice, make_agent, make_record):
    make_record(make_agent(alice, "cheap"), cost_usd=Decimal("0.1"))
    make_record(make_agent(alice, "dear"), cost_usd=Decimal(2))
    make_record(make_agent(alice, "unknown"), cost_usd=None, is_unpriced=True)
    lines = Selection(NOVEMBER, Grouping.AGENT).report(alice).lines
    assert [line.label for line in lines] == ["dear", "cheap", "unknown"]
    assert [line.totals.is_unknown for line in lines] == [False, False, True]


def test_a_failed_call_stands_under_the_model_asked_for(agent, alice, make_record):
    make_record(agent, status=529, cost_usd=None, model="", requested_model="claude-opus-5-5")
    lines = Selection(NOVEMBER, Grouping.MODEL).report(alice).lines
    assert [(line.key, line.totals.calls) for line in lines] == [("claude-opus-5-5", 1)]


def test_agents_of_one_name_stay_apart(alice, make_agent, make_record):
    for _ in range(2):
        make_record(make_agent(alice, "fixer"))
    lines = Selection(NOVEMBER, Grouping.AGENT).report(alice).lines
    assert [line.label for line in lines] == ["fixer", "fixer"]


def test_a_report_takes_one_query(random_ledger, staff, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert Selection(NOVEMBER, Grouping.AGENT).report(staff).total.calls


def test_an_empty_ledger_sums_up_to_nothing(alice):
    assert Selection(NOVEMBER).report(alice).total == UsageTotals()
