from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from metrics_app.budgets.burn_down import chart_burn_down, read_burn_down
from metrics_app.budgets.standing import read_forecasts, read_standings
from metrics_app.models import Budget, BudgetTopUp
from tests.metrics_app.conftest import STARTED

pytestmark = pytest.mark.django_db


def stand(budget, now=STARTED):
    (standing,) = read_standings([budget], now)
    return standing


def at(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def test_each_scope_counts_its_own_calls(make_budget, make_agent, make_record, alice, bob):
    mine = make_agent(alice)
    for agent, cost in ((mine, "1.5"), (mine, "0.0000000001"), (make_agent(bob), "4")):
        make_record(agent, cost_usd=Decimal(cost))
    targets = {None: "5.5000000001", alice: "1.5000000001", bob: 4, "/srv/code": "5.5000000001"}
    for target, spent in targets.items():
        assert stand(make_budget(target)).spent.cost_usd == Decimal(spent)
    assert stand(make_budget("/srv")).spent.cost_usd == 0


def test_a_user_may_have_several(make_budget, agent, make_record, alice):
    make_record(agent, cost_usd=Decimal(2))
    make_record(agent, cost_usd=Decimal(3), started_at=STARTED - timedelta(days=1))
    budgets = [make_budget(alice), make_budget(alice, period="day"), make_budget("/srv/code")]
    spent = [standing.spent.cost_usd for standing in read_standings(budgets, STARTED)]
    assert spent == [5, 2, 5]


@pytest.mark.parametrize(
    ("period", "moment", "spent"),
    [
        ("month", "2026-11-30T23:59:59Z", 2),
        ("month", "2026-12-01T00:00:00Z", 1),
        ("day", "2026-11-30T23:59:59Z", 2),
        ("day", "2026-12-01T00:00:00Z", 1),
        ("day", "2026-12-02T00:00:00Z", 0),
    ],
)
def test_it_starts_anew_at_midnight_of_utc(
    make_budget, agent, make_record, alice, period, moment, spent
):
    make_record(agent, cost_usd=Decimal(2), started_at=at("2026-11-30T23:59:59.999Z"))
    make_record(agent, cost_usd=Decimal(1), started_at=at("2026-12-01T00:00:00Z"))
    assert stand(make_budget(alice, period=period), at(moment)).spent.cost_usd == spent


def test_unpriced_calls_count_at_the_dearest_known_price(make_budget, agent, make_record, settings):
    settings.CAM_MODELS = ["claude-opus-5-5", "claude-haiku-4-5"]
    tokens = {"input_tokens": 1000, "output_tokens": 100, "cache_read_tokens": 10_000}
    make_record(agent, model="nobody-knows", cost_usd=None, is_unpriced=True, **tokens)
    make_record(agent, cost_usd=Decimal(1))
    assumed = Decimal("0.004") + Decimal("0.002") + Decimal("0.002")
    assert stand(make_budget()).spent == (1 + assumed, 1, assumed)


def test_unpriced_calls_count_beside_priced_ones_of_their_model_by_day_and_hour(
    make_budget, agent, make_record, settings
):
    settings.CAM_MODELS = ["claude-opus-5-5"]
    tokens = {"input_tokens": 1_000_000, "output_tokens": 0}
    make_record(agent, cost_usd=None, is_unpriced=True, **tokens)
    make_record(agent, cost_usd=Decimal(1), session=agent.sessions.create(number=1))
    standing = stand(make_budget(period="day"))
    assert standing.spent == (5, 1, 4)
    assert read_burn_down(standing, STARTED)[17].left_usd == 5


def test_known_prices_are_read_once_for_many_unpriced_calls(
    make_budget, agent, alice, make_record, django_assert_num_queries
):
    make_record(agent, model="nobody-knows", cost_usd=None, is_unpriced=True)
    budgets = [make_budget(), make_budget(alice), make_budget(agent.workspace)]
    with django_assert_num_queries(1 + 3 + 2):  # top-ups, a sum a scope, models and overrides
        standings = read_standings(budgets, STARTED)
    assert all(standing.spent.assumed_usd for standing in standings)


def test_unpriced_calls_count_for_nothing_where_no_price_is_known(
    make_budget, agent, make_record, settings
):
    settings.CAM_MODELS = ["nobody-knows"]
    make_record(agent, model="nobody-knows", cost_usd=None, is_unpriced=True)
    assert stand(make_budget()).spent == (0, 1, 0)


def test_top_ups_are_for_their_period(make_budget, alice):
    budget = make_budget(alice)
    for month, amount in ((10, 5), (11, "0.1"), (11, "0.2")):
        BudgetTopUp.objects.create(
            budget=budget, period_start=date(2026, month, 1), amount_usd=Decimal(amount)
        )
    assert stand(budget).limit_usd == Decimal("10.3")
    assert stand(budget, at("2026-12-01T00:00:00Z")).limit_usd == 10


@pytest.mark.parametrize(
    ("spent", "percent", "reached", "tone"),
    [
        ("0", 0, [], "good"),
        ("4.9999999999", 49, [], "good"),
        ("5", 50, [50], "warn"),
        ("8", 80, [50, 80], "warn"),
        ("9.9999999999", 99, [50, 80], "warn"),
        ("10", 100, [50, 80, 100], "bad"),
        ("12.5", 125, [50, 80, 100], "bad"),
    ],
)
def test_how_much_is_used(make_budget, agent, make_record, spent, percent, reached, tone):
    make_record(agent, cost_usd=Decimal(spent))
    standing = stand(make_budget())
    assert (standing.used_percent, standing.reached, standing.tone) == (percent, reached, tone)
    assert standing.bar_percent == min(percent, 100)
    assert standing.left_usd - standing.over_usd == 10 - Decimal(spent)


def test_queries_do_not_grow_with_budgets_of_a_kind(
    make_budget, make_agent, make_record, alice, bob, charlie, django_assert_num_queries
):
    for user in (alice, bob, charlie):
        make_record(make_agent(user))
        make_budget(user), make_budget(f"/srv/{user}")
    budgets = list(Budget.objects.all())
    for read in (read_standings, read_forecasts):
        # Top-ups, users' and folders'.
        with django_assert_num_queries(3):
            assert len(read(budgets, STARTED)) == 6


def test_forecasts_and_sums_agree(make_budget, agent, make_record, alice):
    for days in range(30):
        cost = Decimal("0.25") + days
        make_record(agent, cost_usd=cost, started_at=STARTED - timedelta(days=days))
    budgets = [make_budget(alice), make_budget(), make_budget(alice, period="day")]
    for plain, foreseen in zip(
        read_standings(budgets, STARTED), read_forecasts(budgets, STARTED), strict=True
    ):
        assert plain.spent == foreseen.spent
        assert foreseen.forecast.total_usd > foreseen.spent.cost_usd


def test_without_3_days_there_is_no_forecast(make_budget, agent, make_record):
    make_record(agent)
    (standing,) = read_forecasts([make_budget()], STARTED)
    assert standing.forecast is None


def test_burn_down_of_a_month_is_by_the_day(make_budget, agent, make_record):
    make_record(agent, cost_usd=Decimal(1), started_at=STARTED - timedelta(days=2))
    make_record(agent, cost_usd=Decimal(2))
    steps = read_burn_down(stand(make_budget()), STARTED)
    assert len(steps) == 30
    assert [step.left_usd for step in steps[19:24]] == [10, 9, 9, 7, None]


def test_burn_down_of_a_day_is_by_the_hour(make_budget, agent, make_record):
    make_record(agent, cost_usd=Decimal(1), started_at=STARTED - timedelta(hours=2, minutes=1))
    make_record(agent, cost_usd=Decimal(2))
    steps = read_burn_down(stand(make_budget(period="day")), STARTED)
    assert len(steps) == 24
    assert [step.left_usd for step in steps[13:19]] == [10, 9, 9, 9, 7, None]


def test_the_chart_tells_what_is_left_even_below_0(make_budget, agent, make_record):
    make_record(agent, cost_usd=Decimal("12.5"))
    chart = chart_burn_down(stand(make_budget()), STARTED)
    assert chart.title == "What is left of $10.00 at the end of each day (UTC)"
    assert [series.label for series in chart.series] == ["Left", "Even pace"]
    assert (chart.rows[22].label, chart.rows[22].values[0]) == ("Nov 23", Decimal("-2.5"))
    assert chart.rows[23].values[0] is None
