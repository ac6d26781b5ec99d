from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from metrics_app.forecast import burn_down, forecast
from metrics_app.ranges import DayRange, start_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOVEMBER = DayRange.of_month(date(2026, 11, 1))


def spend(first, *amounts):
    """A day each."""
    return {first + timedelta(days=day): Decimal(amount) for day, amount in enumerate(amounts)}


def test_what_is_spent_and_the_mean_of_7_days_for_the_time_left():
    by_day = spend(date(2026, 11, 1), *[100] * 13, *[2] * 7, 1)
    # Half of the 21st and nine days are left.
    found = forecast(by_day, NOVEMBER, Decimal(10_000), NOON)
    assert found.total_usd == 1300 + 14 + 1 + 2 * Decimal("9.5")
    assert found.crosses_at is None


def test_the_day_when_it_crosses_the_limit():
    by_day = spend(date(2026, 11, 14), *[2] * 7, 1)
    found = forecast(by_day, NOVEMBER, Decimal(18), NOON)
    assert found.crosses_at == NOON + timedelta(days=1.5)


def test_a_limit_that_is_reached_is_not_crossed_again():
    by_day = spend(date(2026, 11, 14), *[2] * 8)
    assert forecast(by_day, NOVEMBER, Decimal(16), NOON).crosses_at is None


def test_a_limit_that_is_reached_with_the_last_second_is_crossed():
    by_day = spend(date(2026, 11, 14), *[2] * 7)
    found = forecast(by_day, NOVEMBER, Decimal(14) + 2 * Decimal("9.5"), NOON)
    assert found.crosses_at == NOVEMBER.end_at


@pytest.mark.parametrize("days", [0, 1, 2])
def test_it_needs_3_days_of_data(days):
    by_day = spend(NOON.date() - timedelta(days=days), *[5] * (days + 1))
    assert forecast(by_day, NOVEMBER, Decimal(10), NOON) is None


def test_it_is_none_without_data():
    assert forecast({}, NOVEMBER, Decimal(10), NOON) is None


def test_3_days_are_a_mean_of_3():
    by_day = spend(date(2026, 11, 18), 3, 3, 3)
    assert forecast(by_day, NOVEMBER, Decimal(99), NOON).total_usd == 9 + 3 * Decimal("9.5")


def test_idle_days_count_as_days():
    by_day = spend(date(2026, 11, 14), 7) | spend(date(2026, 11, 20), 7)
    assert forecast(by_day, NOVEMBER, Decimal(99), NOON).total_usd == 14 + 2 * Decimal("9.5")


def test_days_of_the_month_before_are_in_the_mean_and_not_in_the_sum():
    by_day = spend(date(2026, 10, 25), *[1] * 7)
    found = forecast(by_day, NOVEMBER, Decimal(99), NOVEMBER.start_at)
    assert found.total_usd == 30


@pytest.mark.parametrize(
    ("month", "days"), [("2026-02", 28), ("2028-02", 29), ("2026-11", 30), ("2026-12", 31)]
)
def test_months_have_their_own_length(month, days):
    period = DayRange.parse_month(month)
    by_day = spend(period.first - timedelta(days=7), *[1] * 7)
    assert forecast(by_day, period, Decimal(99), period.start_at).total_usd == days


def test_a_day_is_forecast_the_same_way():
    period = DayRange.of_day(NOON.date())
    by_day = spend(date(2026, 11, 14), *[2] * 7, 5)
    assert forecast(by_day, period, Decimal(99), NOON).total_usd == 6


def test_nothing_spent_forecasts_nothing():
    by_day = spend(date(2026, 11, 14), *[0] * 8)
    found = forecast(by_day, NOVEMBER, Decimal(1), NOON)
    assert (found.total_usd, found.crosses_at) == (0, None)


def test_a_clock_behind_the_end_adds_nothing():
    by_day = spend(date(2026, 11, 24), *[1] * 7)
    late = NOVEMBER.end_at + timedelta(hours=1)
    assert forecast(by_day, NOVEMBER, Decimal(99), late).total_usd == 7


def test_burn_down_says_what_is_left_until_now_and_the_even_pace_until_the_end():
    starts = [start_of(date(2026, 11, day)) for day in range(1, 31)]
    spent = {starts[0]: Decimal("0.5"), starts[2]: Decimal(40)}
    steps = burn_down(spent, starts, Decimal(30), starts[3])
    left = [step.left_usd for step in steps]
    assert left[:4] == [Decimal("29.5"), Decimal("29.5"), Decimal("-10.5"), Decimal("-10.5")]
    assert set(left[4:]) == {None}
    assert [step.pace_usd for step in (steps[0], steps[-1])] == [29, 0]
