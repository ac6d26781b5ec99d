"""What was spent in a period, and how much that is against the one before it. Pure.

Like goes with like: only hours that are over count, and of the period before as many of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from metrics_app.ranges import DayRange, start_of


@dataclass(frozen=True, slots=True)
class Period:
    """From the start of day `first` until now, and what to hold against it."""

    label: str
    first: date
    first_before: date
    end_before: datetime
    before: str


def make_periods(now: datetime) -> tuple[Period, Period, Period]:
    """Today, the last 7 days with today, this month; each as far as the last full hour."""
    hour = start_of_hour(now)
    today = hour.date()
    day, week = timedelta(days=1), timedelta(days=7)
    until = f"until {hour:%H}:00"
    month = today.replace(day=1)
    month_before = DayRange.of_month(month - day)
    same_day = month_before.first + (today - month)
    is_shorter = same_day >= month_before.end
    end = month_before.end_at if is_shorter else datetime.combine(same_day, hour.time(), UTC)
    return (
        Period("Today", today, today - day, hour - day, f"yesterday {until}"),
        Period("7 days", today - 6 * day, today - 6 * day - week, hour - week, "the 7 days before"),
        Period("This month", month, month_before.first, end, f"{month_before.first:%B} until then"),
    )


def start_of_hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def first_day_of(periods: tuple[Period, ...]) -> date:
    return min(period.first_before for period in periods)


def spans_by_hour(periods: tuple[Period, ...], now: datetime) -> list[tuple[datetime, datetime]]:
    """The beginnings of days of which only these hours count."""
    ends = {start_of_hour(now), *(period.end_before for period in periods)}
    return [(start_of(end.date()), end) for end in sorted(ends) if end.time() != time.min]


def spent_until(
    days: Mapping[date, int], hours: Mapping[datetime, int], first: date, end: datetime
) -> int:
    """The sum of whole days and, on the last one, of the hours that began before `end`."""
    last = end.date()
    whole = sum(spent for day, spent in days.items() if first <= day < last)
    return whole + sum(spent for hour, spent in hours.items() if start_of(last) <= hour < end)


def change(now: int, before: int) -> float | None:
    """0.5 for half as much again; None where there is nothing to compare with."""
    return (now - before) / before if before else None
