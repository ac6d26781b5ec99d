from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from metrics_app.forms import Period
from metrics_app.models import UsageRecord
from metrics_app.reports import (
    AgentSpend,
    make_cards,
    measure,
    period_start,
    rank_agents,
    rank_users,
    totals_of_agents,
)

NOW = datetime(2026, 11, 23, 17, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "start"),
    [
        (Period.TODAY, datetime(2026, 11, 23, tzinfo=UTC)),
        (Period.WEEK, datetime(2026, 11, 16, 17, 30, tzinfo=UTC)),
        (Period.MONTH, datetime(2026, 11, 1, tzinfo=UTC)),
        (Period.ALL, None),
    ],
)
def test_periods_begin(period, start):
    assert period_start(period, NOW) == start


def test_days_begin_at_midnight_of_the_site(settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    with timezone.override("Asia/Tokyo"):
        assert period_start(Period.TODAY, NOW) == datetime(2026, 11, 23, 15, tzinfo=UTC)


@pytest.mark.django_db
def test_cards_tell_the_periods_apart(agent, make_record, django_assert_num_queries):
    for days in (0, 3, 15, 60):
        make_record(agent, started_at=NOW - timedelta(days=days), cost_usd=Decimal(1))
    with django_assert_num_queries(3):
        cards = make_cards(UsageRecord.objects.all(), NOW)
    assert [card.totals.calls for card in cards] == [1, 2, 3]
    assert [card.totals.cost_usd for card in cards] == [1, 2, 3]


@pytest.mark.django_db
def test_agents_rank_by_cost_and_unpriced_ones_come_last(alice, make_agent, make_record):
    cheap, dear, unknown = (make_agent(alice, name) for name in ("cheap", "dear", "unknown"))
    make_record(cheap, cost_usd=Decimal("0.1"))
    make_record(dear, cost_usd=Decimal(2))
    make_record(dear, cost_usd=Decimal(3))
    make_record(unknown, cost_usd=None, is_unpriced=True)
    rows = rank_agents(UsageRecord.objects.all())
    assert [row["name"] for row in rows] == ["dear", "cheap", "unknown"]


@pytest.mark.django_db
def test_users_rank_by_cost(agent, bob, make_agent, make_record):
    make_record(agent, cost_usd=Decimal(1))
    make_record(make_agent(bob), cost_usd=Decimal(2))
    rows = rank_users(UsageRecord.objects.all())
    assert [row["username"] for row in rows] == ["bob", "alice"]


@pytest.mark.django_db
def test_only_an_own_agent_that_is_there_has_a_link(alice, bob, make_agent, make_record):
    present, gone = make_agent(alice, "a"), make_agent(alice, "b", deleted_at=timezone.now())
    make_record(present, cost_usd=Decimal(2))
    make_record(gone, cost_usd=Decimal(1))
    rows = list(rank_agents(UsageRecord.objects.all()))
    own = [AgentSpend.from_row(row, alice.pk) for row in rows]
    assert [row.url for row in own] == [present.get_absolute_url(), ""]
    assert [row.is_deleted for row in own] == [False, True]
    assert AgentSpend.from_row(rows[0], bob.pk).url == ""


@pytest.mark.django_db
def test_totals_of_many_agents_take_one_query(
    alice, make_agent, make_record, django_assert_num_queries
):
    agents = [make_agent(alice) for _ in range(5)]
    for agent in agents[:3]:
        make_record(agent)
    with django_assert_num_queries(1):
        totals = totals_of_agents(agents)
    assert set(totals) == {agent.pk for agent in agents[:3]}


@pytest.mark.django_db
def test_calls_are_measured_in_three_queries(agent, make_record, django_assert_num_queries):
    for number in range(1, 101):
        make_record(agent, first_byte_ms=number, total_ms=number * 10, model=f"m{number % 7}")
    with django_assert_num_queries(3):
        found = measure(UsageRecord.objects.all(), NOW)
    assert (found.first_byte_p50_ms, found.first_byte_p95_ms) == (50, 95)
    assert (found.total_p50_ms, found.total_p95_ms) == (500, 950)


@pytest.mark.django_db
def test_failures_are_shares_of_all_calls(agent, make_record):
    for status in (200, 200, 200, 429, 429, 529, 500, None):
        make_record(agent, status=status)
    make_record(agent, status=200, complete=False)
    make_record(agent, status=200)
    make_record(agent, kind="count_tokens", status=429)
    found = measure(UsageRecord.objects.all(), NOW)
    assert (found.error_rate, found.rate_limited_rate, found.overloaded_rate) == (0.6, 0.2, 0.1)


@pytest.mark.django_db
def test_answers_that_failed_are_not_timed(agent, make_record):
    make_record(agent, status=429, total_ms=1.0)
    make_record(agent, status=200, total_ms=500.0)
    assert measure(UsageRecord.objects.all(), NOW).total_p50_ms == 500


@pytest.mark.django_db
def test_savings_leave_unpriced_models_out_and_say_so(agent, make_record):
    make_record(agent, cache_read_tokens=1_000_000)
    make_record(agent, cache_read_tokens=1_000_000, model="claude-nobody-9")
    found = measure(UsageRecord.objects.all(), NOW)
    assert found.cache_savings_usd == Decimal("3.8")
    assert found.savings_lack_prices


@pytest.mark.django_db
def test_nothing_is_measured_without_calls():
    found = measure(UsageRecord.objects.all(), NOW)
    rates = (found.cache_hit_rate, found.cache_savings_usd, found.error_rate)
    assert rates == (None, None, None)
    assert (found.first_byte_p95_ms, found.total_p50_ms) == (None, None)
