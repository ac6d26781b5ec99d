"""What the dashboard shows, made of calls."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from agents.models import AgentSession
from metrics_app.dashboard import ledger_version, make_dashboard
from metrics_app.dashboard.selection import DashboardSelection, SeriesBy
from metrics_app.models import PriceOverride
from metrics_app.presets import Preset, Unit
from metrics_app.ranges import DayRange
from tests.metrics_app.conftest import OPUS

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 14, 40, tzinfo=UTC)
TODAY = NOW.date()
WEEK = Preset.WEEK.days(TODAY)
QUERIES = 10


@pytest.fixture
def spend(make_record):
    """Gives an agent a call, `ago` before now."""

    def make(agent, cost="1", *, ago=timedelta(hours=1), **fields):
        cost = None if cost is None else Decimal(cost)
        return make_record(agent, started_at=NOW - ago, cost_usd=cost, **fields)

    return make


def show(viewer, days=WEEK, **chosen):
    return make_dashboard(DashboardSelection(days=days, **chosen), viewer, NOW)


def values_of(chart, step):
    labels = [series.label for series in chart.series]
    row = next(row for row in chart.rows if row.label == step)
    return dict(zip(labels, row.values, strict=True))


@pytest.fixture
def many_agents(bob, make_agent, spend):
    for number in range(15):
        agent = make_agent(bob, f"agent {number}", workspace=f"/srv/{number}")
        spend(agent, session=agent.sessions.create(number=1), model=f"m{number}")


def test_it_takes_a_known_number_of_queries(many_agents, staff, django_assert_num_queries):
    with django_assert_num_queries(QUERIES):
        show(staff)


def test_days_that_stayed_the_same_are_not_read_again(
    many_agents, staff, django_assert_num_queries
):
    before = show(staff)
    with django_assert_num_queries(QUERIES - 2):
        after = show(staff)
    assert after == before


@pytest.mark.parametrize(("by", "more"), [(SeriesBy.USER, 1), (SeriesBy.TOKENS, 0)])
def test_another_split_takes_at_most_one_more(
    many_agents, staff, by, more, django_assert_num_queries
):
    with django_assert_num_queries(QUERIES + more):
        show(staff, by=by)


def test_all_time_starts_with_the_first_call_for_one_query_more(
    many_agents, agent, staff, spend, django_assert_num_queries
):
    spend(agent, ago=timedelta(days=40))
    with django_assert_num_queries(QUERIES + 1):
        dashboard = show(staff, days=None)
    assert dashboard.days == DayRange(TODAY - timedelta(days=40), TODAY + timedelta(days=1))
    assert dashboard.total.calls == 16


def test_days_long_past_take_three_queries_more(
    many_agents, agent, staff, spend, django_assert_num_queries
):
    spend(agent, ago=timedelta(days=380), session=agent.sessions.create(number=1))
    show(staff)
    with django_assert_num_queries(QUERIES - 2 + 3):
        found = show(staff, days=DayRange(TODAY - timedelta(days=400), TODAY - timedelta(days=370)))
    assert (found.total.calls, found.spend_cards[0].totals.calls) == (1, 15)


def test_without_calls_all_time_is_today(alice):
    dashboard = show(alice, days=None)
    assert (dashboard.days, dashboard.unit) == (DayRange.of_day(TODAY), Unit.HOUR)


def test_cost_is_by_day_and_model_without_gaps(agent, alice, spend):
    spend(agent, "1")
    spend(agent, "2", model="claude-haiku-4-5")
    spend(agent, "0.25", ago=timedelta(days=2))
    chart = show(alice).spending
    assert [row.label for row in chart.rows] == [f"Nov {day}" for day in range(17, 24)]
    assert values_of(chart, "Nov 23") == {OPUS: 1, "claude-haiku-4-5": 2}
    assert values_of(chart, "Nov 22") == {OPUS: 0, "claude-haiku-4-5": 0}
    assert [row.total for row in chart.rows][-3:] == [Decimal("0.25"), 0, 3]


def test_a_failed_call_stands_under_the_model_that_was_asked_for(agent, alice, spend):
    spend(agent, "1", model="", requested_model="claude-asked-1")
    assert values_of(show(alice).spending, "Nov 23") == {"claude-asked-1": 1}


def test_cost_is_by_hour_where_asked(agent, alice, spend):
    spend(agent, "1", ago=timedelta(minutes=50))
    chart = show(alice, unit=Unit.HOUR).spending
    assert len(chart.rows) == 7 * 24
    assert values_of(chart, "Nov 23, 13:00") == {OPUS: 1}


def test_a_long_range_is_by_month(agent, alice, spend):
    spend(agent, "1")
    spend(agent, "2", ago=timedelta(days=10))
    chart = show(alice, days=DayRange(date(2025, 1, 1), date(2027, 1, 1))).spending
    assert len(chart.rows) == 24
    assert values_of(chart, "November 2026") == {OPUS: 3}


def test_cost_is_by_user_and_by_workspace(agent, bob, staff, make_agent, spend):
    spend(agent, "1")
    spend(make_agent(bob, workspace="/srv/docs"), "2")
    by_user = show(staff, by=SeriesBy.USER).spending
    by_workspace = show(staff, by=SeriesBy.WORKSPACE, unit=Unit.HOUR).spending
    assert values_of(by_user, "Nov 23") == {"bob": 2, "alice": 1}
    assert values_of(by_workspace, "Nov 23, 13:00") == {"/srv/docs": 2, "/srv/code": 1}


def test_tokens_are_by_type(agent, alice, spend):
    spend(agent, input_tokens=1, cache_write_5m_tokens=2, cache_write_1h_tokens=3)
    spend(agent, input_tokens=0, output_tokens=5, cache_read_tokens=4)
    chart = show(alice, by=SeriesBy.TOKENS).spending
    assert list(values_of(chart, "Nov 23").values()) == [1, 2, 3, 4, 82]
    assert chart.rows[-1].total == 92


def test_cards_compare_full_hours_with_as_many_before(agent, alice, spend):
    spend(agent, "3", ago=timedelta(hours=1))
    spend(agent, "9", ago=timedelta(minutes=10))
    spend(agent, "2", ago=timedelta(days=1, hours=1))
    spend(agent, "50", ago=timedelta(days=1) - timedelta(hours=2))
    today, week, month = show(alice).spend_cards
    assert (today.totals.cost_usd, today.change) == (12, 0.5)
    assert (week.totals.cost_usd, week.change) == (64, None)
    assert (month.totals.cost_usd, month.totals.calls) == (64, 4)


def test_a_cost_that_nobody_knows_is_compared_with_nothing(agent, alice, spend):
    spend(agent, "2", ago=timedelta(days=1, hours=1))
    spend(agent, None, is_unpriced=True)
    today = show(alice).spend_cards[0]
    assert (today.totals.is_unknown, today.change) == (True, None)


def test_cards_keep_their_periods_whatever_the_range(agent, alice, spend):
    spend(agent, "3")
    dashboard = show(alice, days=DayRange.of_day(date(2026, 1, 1)))
    assert dashboard.total.calls == 0
    assert dashboard.spend_cards[0].totals.cost_usd == 3


def test_right_now_is_the_last_15_minutes_in_an_hour(agent, alice, spend):
    spend(agent, "1", ago=timedelta(minutes=14))
    spend(agent, "5", ago=timedelta(minutes=16))
    live = show(alice).live
    assert (live.usd_an_hour, live.calls) == (4, 1)


def test_right_now_is_unknown_where_only_unpriced_calls_went(agent, alice, spend):
    spend(agent, None, is_unpriced=True, ago=timedelta(minutes=1))
    assert show(alice).live.usd_an_hour is None


def test_agents_that_run_are_active_or_idle(alice, make_agent):
    for status in ("working", "needs_you", "starting", "idle", "stopped"):
        make_agent(alice, status=status)
    make_agent(alice, status="working", deleted_at=NOW)
    live = show(alice).live
    assert (live.active_agents, live.idle_agents) == (3, 1)


def test_failures_are_shares_of_all_calls(agent, alice, spend):
    for status in (200, 200, 200, 429, 529, 500, None):
        spend(agent, status=status)
    spend(agent, status=200, complete=False)
    spend(agent, kind="count_tokens", status=429)
    found = show(alice)
    rates = found.indicators
    assert (rates.error_rate, rates.rate_limited_rate, rates.overloaded_rate) == (
        0.625,
        0.125,
        0.125,
    )
    assert values_of(found.failures, "Nov 23")["Failed"] == 0.625
    assert values_of(found.failures, "Nov 22")["Failed"] is None


def test_cache_use_is_a_share_of_all_input(agent, alice, spend):
    spend(agent, input_tokens=200, cache_read_tokens=800)
    found = show(alice)
    assert found.indicators.cache_hit_rate == 0.8
    assert values_of(found.cache_use, "Nov 23") == {"Cache hit rate": 0.8}
    assert values_of(found.cache_use, "Nov 22") == {"Cache hit rate": None}


def test_savings_leave_unpriced_models_out_and_say_so(agent, alice, spend):
    spend(agent, cache_read_tokens=1_000_000)
    spend(agent, cache_read_tokens=1_000_000, model="claude-nobody-9")
    found = show(alice).indicators
    assert found.cache_savings_usd == Decimal("3.8")
    assert found.savings_lack_prices


def test_savings_go_by_the_sites_own_prices(agent, alice, spend):
    PriceOverride.objects.create(
        pattern=OPUS,
        starts_at=NOW - timedelta(days=1),
        input_price=10,
        output_price=1,
        cache_write_5m_price=10,
        cache_write_1h_price=10,
        cache_read_price=1,
    )
    spend(agent, cache_read_tokens=1_000_000)
    assert show(alice).indicators.cache_savings_usd == 9


def test_what_is_estimated_or_unpriced_is_told(agent, alice, spend):
    spend(agent, "3")
    spend(agent, "1", is_estimated=True)
    spend(agent, None, is_unpriced=True)
    found = show(alice).indicators
    assert (found.estimated_share, found.unpriced) == (0.25, 1)


def test_without_calls_there_is_nothing_to_tell(alice):
    found = show(alice)
    rates = found.indicators
    assert (rates.cache_hit_rate, rates.cache_savings_usd, rates.error_rate) == (None, None, None)
    assert rates.estimated_share is None
    assert (found.spending.series, found.latency.rows) == ((), ())
    assert found.top.session_costs.median_usd is None


def test_latency_is_by_model_and_leaves_failures_out(agent, alice, spend):
    spend(agent, first_byte_ms=250.0, total_ms=1000.0)
    spend(agent, status=500, first_byte_ms=9000.0, total_ms=9000.0)
    spend(agent, first_byte_ms=500.0, total_ms=2000.0, model="claude-haiku-4-5")
    rows = {row.label: row.values for row in show(alice).latency.rows}
    assert rows == {OPUS: (250, 250, 1000, 1000), "claude-haiku-4-5": (500, 500, 2000, 2000)}


def test_latency_of_many_models_ends_with_the_others_together(agent, alice, spend):
    for number in range(10):
        spend(agent, total_ms=1000.0, model=f"m{number}")
    labels = [row.label for row in show(alice).latency.rows]
    assert (len(labels), labels[-1]) == (9, "other (2)")


def test_spenders_rank_by_cost(alice, bob, staff, make_agent, spend):
    cheap = make_agent(alice, "cheap")
    dear = make_agent(bob, "dear", workspace="/srv/docs", deleted_at=NOW)
    first, second = (
        AgentSession.objects.create(agent=dear, number=n, ended_at=NOW) for n in (1, 2)
    )
    spend(cheap, "1")
    spend(dear, "2", session=first)
    spend(dear, "5", session=second)
    top = show(staff).top
    assert [(one.label, one.spent.totals.cost_usd) for one in top.users] == [
        ("bob", 7),
        ("alice", 1),
    ]
    assert [one.label for one in top.workspaces] == ["/srv/docs", "/srv/code"]
    assert [(one.label, one.owner, one.is_deleted) for one in top.agents] == [
        ("dear", "bob", True),
        ("cheap", "alice", False),
    ]
    assert [(one.session_number, one.spent.totals.cost_usd) for one in top.sessions] == [
        (2, 5),
        (1, 2),
    ]
    assert top.users[0].spent.width == "87.50%"


def test_calls_outside_of_sessions_are_no_session(agent, alice, spend):
    spend(agent)
    top = show(alice).top
    assert (top.sessions, top.session_costs.count) == ((), 0)


def test_sessions_have_a_median_and_a_p95(agent, alice, spend):
    for cost in range(1, 21):
        session = AgentSession.objects.create(agent=agent, number=cost, ended_at=NOW)
        spend(agent, str(cost), session=session)
    costs = show(alice).top.session_costs
    assert (costs.count, costs.median_usd, costs.p95_usd) == (20, 10, 19)


def test_spenders_without_a_price_cost_what_nobody_knows(agent, alice, spend):
    session = AgentSession.objects.create(agent=agent, number=1, ended_at=NOW)
    spend(agent, None, is_unpriced=True, session=session)
    top = show(alice).top
    for (one,) in (top.users, top.workspaces, top.agents, top.sessions):
        assert one.spent.totals.is_unknown


def test_sessions_without_a_price_are_in_no_median(agent, alice, spend):
    for number, cost in enumerate((None, None, "3"), start=1):
        session = AgentSession.objects.create(agent=agent, number=number, ended_at=NOW)
        spend(agent, cost, is_unpriced=cost is None, session=session)
    costs = show(alice).top.session_costs
    assert (costs.count, costs.unknown, costs.median_usd) == (1, 2, 3)


def test_who_has_no_known_cost_is_no_series_of_costs(agent, bob, staff, make_agent, spend):
    spend(agent, "1")
    spend(make_agent(bob), None, is_unpriced=True)
    chart = show(staff, by=SeriesBy.USER).spending
    assert [series.label for series in chart.series] == ["alice"]


def test_only_an_own_agent_that_is_there_has_a_page(alice, staff, make_agent, spend):
    present, gone = make_agent(alice, "a"), make_agent(alice, "b", deleted_at=NOW)
    spend(present, "2")
    spend(gone, "1")
    assert [one.url for one in show(alice).top.agents] == [present.get_absolute_url(), ""]
    assert [one.url for one in show(staff).top.agents] == ["", ""]


@pytest.mark.parametrize("chosen", ["user_id", "workspace", "agent_id", "model"])
def test_a_filter_narrows_all_of_it(agent, bob, staff, make_agent, spend, chosen):
    now = {"ago": timedelta(minutes=1), "first_byte_ms": 1.0, "total_ms": 1.0}
    spend(agent, "1", **now)
    other = make_agent(bob, "other", workspace="/srv/docs", status="working")
    spend(other, "2", model="claude-haiku-4-5", **now)
    wanted = {
        "user_id": bob.pk,
        "workspace": "/srv/docs",
        "agent_id": other.pk,
        "model": "claude-haiku-4-5",
    }[chosen]
    found = show(staff, **{chosen: wanted})
    assert found.total.cost_usd == 2
    assert {card.totals.cost_usd for card in found.spend_cards} == {2}
    assert found.live.usd_an_hour == 8
    assert [row.label for row in found.latency.rows] == ["claude-haiku-4-5"]
    assert [one.label for one in found.top.agents] == ["other"]


def test_a_stranger_is_shown_nothing_of_others(agent, alice, charlie, spend):
    spend(agent, ago=timedelta(minutes=1))
    for chosen in ({}, {"user_id": alice.pk}, {"agent_id": agent.pk}, {"workspace": "/srv/code"}):
        found = show(charlie, **chosen)
        assert found.total.calls == 0
        assert found.live.calls == 0
        assert found.top.agents == ()


@pytest.fixture
def version(alice):
    selection = DashboardSelection(days=WEEK)
    return lambda viewer=alice, now=NOW: ledger_version(selection, viewer, now)


def test_the_version_takes_two_queries(version, django_assert_num_queries):
    with django_assert_num_queries(2):
        version()


def test_the_version_changes_with_a_call_an_agent_and_the_minute(agent, version, spend):
    versions = [version()]
    spend(agent, "0")
    versions.append(version())
    spend(agent, None, kind="count_tokens")
    versions.append(version())
    agent.status = "working"
    agent.save()
    versions += [version(), version(now=NOW + timedelta(minutes=1))]
    assert len(set(versions)) == 5


def test_the_version_stays_where_others_work(version, bob, make_agent, spend):
    before = version()
    spend(make_agent(bob, status="working"))
    assert version() == before
