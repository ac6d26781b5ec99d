"""The sums at the top of the dashboard: what is spent, against the period before, and right now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_

from django.contrib.auth.models import User
from django.db.models import Count, Q

from agents.models import Status
from agents.models.agent import LIVE_STATUSES
from metrics_app.comparisons import (
    Period,
    change,
    make_periods,
    spans_by_hour,
    spent_until,
    start_of_hour,
)
from metrics_app.dashboard.days import Cost, Day
from metrics_app.dashboard.selection import DashboardSelection
from metrics_app.pricing import COST_STEP_USD
from metrics_app.querysets import UsageTotals, WholeSum

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
    selection: DashboardSelection, viewer: User, read: Mapping[date, Day], now: datetime
) -> tuple[SpendCard, ...]:
    """Of the days of the periods, whatever the selection's are. One query."""
    periods = make_periods(now)
    hour = start_of_hour(now)
    days = {day: _sum_costs(of_day) for day, of_day in read.items() if day <= hour.date()}
    hours = _spent_by_hour(selection, viewer, spans_by_hour(periods, now))
    return tuple(_make_card(period, days, hours, hour) for period in periods)


def _sum_costs(day: Day) -> Cost:
    return reduce(
        Cost.plus,
        (Cost(sums.calls, sums.unpriced, sums.cost_steps) for sums in day.usage.values()),
        Cost(),
    )


def _make_card(
    period: Period, days: Mapping[date, Cost], hours: Mapping[datetime, int], hour: datetime
) -> SpendCard:
    cost = reduce(Cost.plus, (cost for day, cost in days.items() if day >= period.first), Cost())
    totals = UsageTotals(
        calls=cost.calls, unpriced=cost.unpriced, cost_usd=cost.steps * COST_STEP_USD
    )
    spent = {day: cost.steps for day, cost in days.items()}
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
    selection: DashboardSelection, viewer: User, spans: Iterable[tuple[datetime, datetime]]
) -> dict[datetime, int]:
    wanted = [Q(hour__gte=start, hour__lt=end) for start, end in spans]
    if not wanted:
        return {}
    rows = selection.hourly(viewer).filter(reduce(or_, wanted)).values_list("hour")
    return dict(rows.annotate(steps=WholeSum("cost_steps")))


def make_live_card(selection: DashboardSelection, viewer: User, now: datetime) -> LiveCard:
    """What the last 15 minutes would cost in an hour, of single calls. Two queries."""
    span = timedelta(minutes=LIVE_MINUTES)
    recent = selection.records(viewer).filter(started_at__gte=now - span, started_at__lte=now)
    totals = recent.costs()
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
