"""The sums at the top of the dashboard: what is spent, against the period before, and right now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db.models import Count, Q, Sum

from agents.models import Status
from agents.models.agent import LIVE_STATUSES
from metrics_app.comparisons import (
    Period,
    change,
    days_cut_by,
    first_day_of,
    make_periods,
    spent_until,
    start_of_hour,
)
from metrics_app.dashboard.selection import DashboardSelection
from metrics_app.pricing import COST_STEP_USD
from metrics_app.querysets import UsageTotals
from metrics_app.ranges import DayRange

LIVE_MINUTES = 15


@dataclass(frozen=True, slots=True)
class SpendCard:
    """`change` is 0.5 for half as much again as `before`; None where one of them is nothing known."""

    label: str
    totals: UsageTotals
    change: float | None
    before: str


@dataclass(frozen=True, slots=True)
class LiveCard:
    """`usd_an_hour` None: calls of the last minutes cost, and nobody knows how much."""

    usd_an_hour: Decimal | None
    calls: int
    active_agents: int
    idle_agents: int


def make_spend_cards(
    selection: DashboardSelection, viewer: User, now: datetime
) -> tuple[SpendCard, ...]:
    """Whatever the selection's days. Two queries."""
    periods = make_periods(now)
    rows = (
        selection.daily(viewer)
        .filter(day__gte=first_day_of(periods), day__lte=start_of_hour(now).date())
        .values_list("day")
        .annotate(calls=Sum("calls"), unpriced=Sum("unpriced"), steps=Sum("cost_steps"))
    )
    days = {day: tuple(map(int, values)) for day, *values in rows}
    hours = _spent_by_hour(selection, viewer, days_cut_by(periods, now))
    return tuple(_make_card(period, days, hours, start_of_hour(now)) for period in periods)


def _make_card(
    period: Period,
    days: Mapping[date, tuple[int, ...]],
    hours: Mapping[datetime, int],
    hour: datetime,
) -> SpendCard:
    calls, unpriced, steps = (
        sum(values[column] for day, values in days.items() if day >= period.first)
        for column in range(3)
    )
    totals = UsageTotals(calls=calls, unpriced=unpriced, cost_usd=steps * COST_STEP_USD)
    spent = {day: steps for day, (_, _, steps) in days.items()}
    changed_by = change(
        spent_until(spent, hours, period.first, hour),
        spent_until(spent, hours, period.first_before, period.end_before),
    )
    return SpendCard(
        label=period.label,
        totals=totals,
        change=None if totals.is_unknown else changed_by,
        before=period.before,
    )


def _spent_by_hour(
    selection: DashboardSelection, viewer: User, days: set[date]
) -> dict[datetime, int]:
    if not days:
        return {}
    of_days = Q()
    for day in days:
        span = DayRange.of_day(day)
        of_days |= Q(hour__gte=span.start_at, hour__lt=span.end_at)
    rows = selection.hourly(viewer).filter(of_days).values_list("hour")
    return {hour: int(steps) for hour, steps in rows.annotate(steps=Sum("cost_steps"))}


def make_live_card(selection: DashboardSelection, viewer: User, now: datetime) -> LiveCard:
    """What the last 15 minutes would cost in an hour, of single calls. Two queries."""
    span = timedelta(minutes=LIVE_MINUTES)
    recent = selection.records(viewer).filter(started_at__gte=now - span, started_at__lte=now)
    totals = recent.totals()
    agents = count_agents(selection, viewer)
    return LiveCard(
        usd_an_hour=None if totals.is_unknown else totals.cost_usd * (60 // LIVE_MINUTES),
        calls=totals.calls,
        active_agents=sum(agents.values()) - agents.get(Status.IDLE, 0),
        idle_agents=agents.get(Status.IDLE, 0),
    )


def count_agents(selection: DashboardSelection, viewer: User) -> dict[str, int]:
    """The selection's agents that run, by status. One query."""
    running = selection.agents(viewer).filter(deleted_at=None, status__in=LIVE_STATUSES)
    return dict(running.values_list("status").annotate(Count("pk")))
