"""Where the spending of a period goes. Pure: amounts and the clock come in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from metrics_app.ranges import DayRange

WINDOW_DAYS = 7
NEEDED_DAYS = 3
DAY = timedelta(days=1)
STEP_USD = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Forecast:
    """`crosses_at` is None where the limit holds until the end of the period, or is crossed."""

    total_usd: Decimal
    crosses_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """A day or hour of a burn-down. `left_usd` is None where it has not begun."""

    start: datetime
    left_usd: Decimal | None
    pace_usd: Decimal


def window_start(now: datetime) -> date:
    """The first of the whole days that the mean is taken over."""
    return now.astimezone(UTC).date() - timedelta(days=WINDOW_DAYS)


def forecast(
    by_day: Mapping[date, Decimal], days: DayRange, limit_usd: Decimal, now: datetime
) -> Forecast | None:
    """What is spent so far and, for the time left, the mean of the 7 whole days before today.

    `by_day` needs these days and those of the period. Where it begins later than 7 days ago, the
    mean is that of fewer days; with fewer than 3 it says nothing: None.
    """
    mean = _daily_mean(by_day, now)
    if mean is None:
        return None
    spent = sum((cost for day, cost in by_day.items() if days.first <= day < days.end), Decimal(0))
    total = spent + mean * _in_days(max(days.end_at - now, timedelta()))
    crosses_at = None
    if spent < limit_usd <= total:
        crosses_at = now + timedelta(days=float((limit_usd - spent) / mean))
    return Forecast(total.quantize(STEP_USD), crosses_at)


def burn_down(
    spent: Mapping[datetime, Decimal],
    starts: Sequence[datetime],
    limit_usd: Decimal,
    now: datetime,
) -> list[Step]:
    """What is left at the end of each step of the period, and what would be at an even pace.

    `spent` has the cost of each step by its start.
    """
    steps = []
    left = limit_usd
    for number, start in enumerate(starts, start=1):
        left -= spent.get(start, Decimal(0))
        pace = limit_usd * (len(starts) - number) / len(starts)
        steps.append(Step(start, left if start <= now else None, pace.quantize(STEP_USD)))
    return steps


def _daily_mean(by_day: Mapping[date, Decimal], now: datetime) -> Decimal | None:
    today = now.astimezone(UTC).date()
    known_days = (today - min(by_day, default=today)).days
    if known_days < NEEDED_DAYS:
        return None
    window = [cost for day, cost in by_day.items() if window_start(now) <= day < today]
    return sum(window, Decimal(0)) / min(known_days, WINDOW_DAYS)


def _in_days(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(seconds=1)) / (DAY // timedelta(seconds=1))
