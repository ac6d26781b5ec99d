"""The charts of the dashboard."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from itertools import repeat
from typing import TypeVar

from django.contrib.auth.models import User

from metrics_app.charts import Chart, Kind, Measure, Number, Row, number_series, stack
from metrics_app.dashboard.days import Day, Noun, Sums
from metrics_app.dashboard.selection import DashboardSelection, SeriesBy, hours_of
from metrics_app.dashboard.usage import Usage
from metrics_app.indicators import cache_hit_rate, share
from metrics_app.presets import Moment, Unit
from metrics_app.pricing import COST_STEP_USD
from metrics_app.querysets import WholeSum
from metrics_app.ranges import DayRange

Value = TypeVar("Value")

TOKEN_SERIES: dict[str, Callable[[Sums], int]] = {
    "Input": lambda sums: sums.input_tokens,
    "Cache write, 5 min": lambda sums: sums.cache_write_5m_tokens,
    "Cache write, 1 h": lambda sums: sums.cache_write_1h_tokens,
    "Cache read": lambda sums: sums.cache_read_tokens,
    "Output": lambda sums: sums.output_tokens,
}
FAILURE_SERIES: dict[str, Callable[[Sums], float | None]] = {
    "Failed": lambda sums: share(sums.failed, sums.calls),
    "Too many requests (429)": lambda sums: share(sums.rate_limited, sums.calls),
    "Overloaded (529)": lambda sums: share(sums.overloaded, sums.calls),
}
CACHE_SERIES: dict[str, Callable[[Sums], float | None]] = {
    "Cache hit rate": lambda sums: cache_hit_rate(sums.tokens),
}
AXES = {Unit.HOUR: "Hour (UTC)", Unit.DAY: "Day (UTC)", Unit.MONTH: "Month (UTC)"}


def draw_spending(
    usage: Usage,
    selection: DashboardSelection,
    viewer: User,
    days: DayRange,
    known: Mapping[date, Day],
) -> Chart:
    """Cost by model, user or workspace, or tokens by type. Names of users, and hours: a query each."""
    values: Mapping[tuple[Moment, int | str], int]
    match selection.by:
        case SeriesBy.TOKENS:
            return _draw_tokens(usage)
        case SeriesBy.MODEL:
            values = {key: sums.cost_steps for key, sums in usage.cells.items()}
        case SeriesBy.USER | SeriesBy.WORKSPACE:
            values = (
                _split_hours(selection, viewer, days)
                if usage.unit == Unit.HOUR
                else _split_days(selection.by, usage.unit, known)
            )
    values = {key: steps for key, steps in values.items() if steps}
    labels = {key: str(key) or "no model" for _, key in values}
    if selection.by == SeriesBy.USER:
        labels |= User.objects.filter(pk__in=labels).values_list("pk", "username")
    series, rows = stack(values, usage.steps, labels)
    return _draw(
        usage,
        Chart(
            id="spending",
            title=f"Cost by {selection.by.label.lower()} (USD)",
            kind=Kind.STACKED,
            measure=Measure.USD,
            axis=AXES[usage.unit],
            series=series,
        ),
        [[steps * COST_STEP_USD for steps in row] for row in rows],
        [sum(row) * COST_STEP_USD for row in rows],
    )


def draw_failures(usage: Usage) -> Chart:
    return _draw_shares(usage, "failures", "Failed calls", FAILURE_SERIES)


def draw_cache_use(usage: Usage) -> Chart:
    return _draw_shares(usage, "cache-use", "Cache hit rate", CACHE_SERIES)


def _split_hours(
    selection: DashboardSelection, viewer: User, days: DayRange
) -> dict[tuple[Moment, int | str], int]:
    owner = "user_id" if selection.by == SeriesBy.USER else "agent__workspace"
    rows = hours_of(selection, viewer, days).values_list("hour", owner)
    return {(hour, key): steps for hour, key, steps in rows.annotate(steps=WholeSum("cost_steps"))}


def _split_days(
    by: SeriesBy, unit: Unit, known: Mapping[date, Day]
) -> dict[tuple[Moment, int | str], int]:
    noun: Noun = "users" if by == SeriesBy.USER else "workspaces"
    values: defaultdict[tuple[Moment, int | str], int] = defaultdict(int)
    for day, of_day in known.items():
        for key, cost in of_day.costs[noun].items():
            values[unit.start_of(day), key] += cost.steps
    return values


def _draw_tokens(usage: Usage) -> Chart:
    rows = _read_steps(usage, TOKEN_SERIES)
    chart = Chart(
        id="spending",
        title="Tokens by type",
        kind=Kind.STACKED,
        measure=Measure.TOKENS,
        axis=AXES[usage.unit],
        series=number_series(TOKEN_SERIES),
    )
    return _draw(usage, chart, rows, [sum(row) for row in rows])


def _draw_shares(
    usage: Usage, chart_id: str, title: str, shares: Mapping[str, Callable[[Sums], float | None]]
) -> Chart:
    chart = Chart(
        id=chart_id,
        title=title,
        kind=Kind.LINE,
        measure=Measure.SHARE,
        axis=AXES[usage.unit],
        series=number_series(shares),
    )
    return _draw(usage, chart, _read_steps(usage, shares))


def _read_steps(usage: Usage, readers: Mapping[str, Callable[[Sums], Value]]) -> list[list[Value]]:
    by_step = usage.by_step
    return [[read(by_step.get(step, Sums())) for read in readers.values()] for step in usage.steps]


def _draw(
    usage: Usage,
    chart: Chart,
    rows: Iterable[Iterable[Number | None]],
    totals: Iterable[Number | None] = repeat(None),
) -> Chart:
    """The chart with a row for each step of time."""
    labelled = (
        Row(usage.unit.label(step), tuple(row), total)
        for step, row, total in zip(usage.steps, rows, totals, strict=False)
    )
    return replace(chart, rows=tuple(labelled))
