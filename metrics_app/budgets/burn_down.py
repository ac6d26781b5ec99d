"""How a budget ran low in its present period, against an even pace."""

from datetime import datetime, timedelta

from metrics_app.budgets.amounts import format_usd
from metrics_app.budgets.spending import read_days, read_hours
from metrics_app.budgets.standing import Standing
from metrics_app.charts import OTHER, Chart, Kind, Measure, Row, Series
from metrics_app.forecast import DAY, Step, burn_down
from metrics_app.models import BudgetPeriod
from metrics_app.ranges import start_of

HOUR = timedelta(hours=1)


def chart_burn_down(standing: Standing, now: datetime) -> Chart:
    """One query."""
    is_day = standing.budget.period == BudgetPeriod.DAY
    return Chart(
        id="burn-down",
        title=f"What is left of {format_usd(standing.limit_usd)} at the end of each "
        f"{'hour' if is_day else 'day'} (UTC)",
        kind=Kind.LINE,
        measure=Measure.USD,
        axis="Hour" if is_day else "Day",
        series=(Series("Left", "1"), Series("Even pace", OTHER)),
        rows=tuple(
            Row(
                f"{step.start:%H:%M}" if is_day else f"{step.start:%b %-d}",
                (step.left_usd, step.pace_usd),
            )
            for step in read_burn_down(standing, now)
        ),
    )


def read_burn_down(standing: Standing, now: datetime) -> list[Step]:
    """By the hour for a day's budget, else by the day. One query."""
    budget, days = standing.budget, standing.days
    if budget.period == BudgetPeriod.DAY:
        spent, step = read_hours(budget, days, now), HOUR
    else:
        by_day = read_days([budget], now).get(budget.pk, {})
        spent, step = {start_of(day): found.cost_usd for day, found in by_day.items()}, DAY
    starts = [
        days.start_at + number * step for number in range((days.end_at - days.start_at) // step)
    ]
    return burn_down(spent, starts, standing.limit_usd, now)
