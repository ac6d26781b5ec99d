"""All that the page of costs shows, made of the rollups in a known number of queries."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Min

from metrics_app.charts import Chart
from metrics_app.comparisons import first_day_of, make_periods
from metrics_app.dashboard.cards import (
    LiveCard,
    SpendCard,
    count_agents,
    make_live_card,
    make_spend_cards,
)
from metrics_app.dashboard.days import Sums, read_days, read_versions
from metrics_app.dashboard.figures import draw_cache_use, draw_failures, draw_spending
from metrics_app.dashboard.latency import draw_latency
from metrics_app.dashboard.selection import DashboardSelection
from metrics_app.dashboard.spenders import TopSpenders, rank_spenders
from metrics_app.dashboard.usage import Indicators, measure, read_usage
from metrics_app.presets import Unit
from metrics_app.querysets import UsageTotals
from metrics_app.ranges import DayRange


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`total`, the charts and the top are of `days`; the cards have periods of their own."""

    made_at: datetime
    days: DayRange
    unit: Unit
    total: Sums
    spend_cards: tuple[SpendCard, ...]
    live: LiveCard
    indicators: Indicators
    spending: Chart
    latency: Chart
    failures: Chart
    cache_use: Chart
    top: TopSpenders

    @property
    def last_day(self) -> date:
        return self.days.end - timedelta(days=1)

    @property
    def totals(self) -> UsageTotals:
        """For the templates that show costs."""
        total = self.total
        return UsageTotals(calls=total.calls, unpriced=total.unpriced, cost_usd=total.cost_usd)


def make_dashboard(selection: DashboardSelection, viewer: User, now: datetime) -> Dashboard:
    """At most 15 queries, whatever there is to show."""
    days = selection.days or _all_days(selection, viewer, now)
    unit = Unit.fitting(days, selection.unit)
    recent = DayRange(first_day_of(make_periods(now)), _day(now) + timedelta(days=1))
    read = read_days(selection, viewer, recent)
    if not (recent.first <= days.first and days.end <= recent.end):
        read |= read_days(selection, viewer, days)
    known = {day: read[day] for day in sorted(read) if days.first <= day < days.end}
    usage = read_usage(selection, viewer, days, unit, known)
    return Dashboard(
        made_at=now,
        days=days,
        unit=unit,
        total=usage.total,
        spend_cards=make_spend_cards(selection, viewer, read, now),
        live=make_live_card(selection, viewer, now),
        indicators=measure(usage, now),
        spending=draw_spending(usage, selection, viewer, days, known),
        latency=draw_latency(known.values()),
        failures=draw_failures(usage),
        cache_use=draw_cache_use(usage),
        top=rank_spenders(viewer, tuple(known.values())),
    )


def ledger_version(selection: DashboardSelection, viewer: User, now: datetime) -> str:
    """Another text once the dashboard may show something else, and each minute. Two queries."""
    written = sum(read_versions(selection, viewer).values())
    agents = sorted(count_agents(selection, viewer).items())
    parts = (int(now.timestamp()) // 60, written, *(f"{status}{n}" for status, n in agents))
    return "-".join(map(str, parts))


def _all_days(selection: DashboardSelection, viewer: User, now: datetime) -> DayRange:
    """From the first day with calls up to and with today. One query."""
    today = _day(now)
    first = selection.daily(viewer).aggregate(first=Min("day"))["first"] or today
    return DayRange(min(first, today), today + timedelta(days=1))


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
