"""What was spent of budgets: one query for all budgets of a scope and period."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple, Self, TypeVar

from django.db.models import F, Sum, Value

from metrics_app.budgets.rates import DearestPrices
from metrics_app.forecast import window_start
from metrics_app.models import Budget, BudgetPeriod, DailyUsage, HourlyUsage, Scope
from metrics_app.models.rollups import UsageSums
from metrics_app.price_list import PRICED_KINDS
from metrics_app.pricing import COST_STEP_USD, Tokens
from metrics_app.querysets import RollupQuerySet
from metrics_app.ranges import DayRange

M = TypeVar("M", bound=UsageSums)

TARGETS: dict[str, Any] = {
    Scope.EVERYONE: Value(""),
    Scope.USER: F("user_id"),
    Scope.WORKSPACE: F("agent__workspace"),
}
SPENT = {"sum_steps": Sum("cost_steps"), "sum_unpriced": Sum("unpriced")} | {
    f"unpriced_{kind}": Sum(f"unpriced_{kind}_tokens") for kind in PRICED_KINDS
}


class Spent(NamedTuple):
    """`cost_usd` contains what is assumed for the `unpriced` calls."""

    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0
    assumed_usd: Decimal = Decimal(0)

    @classmethod
    def from_row(cls, row: dict[str, Any], dearest: DearestPrices) -> Self:
        """Build from a row that has `SPENT`, where sums over nothing are None."""
        unpriced = int(row["sum_unpriced"] or 0)
        assumed = Decimal(0)
        if unpriced:
            tokens = Tokens(**{kind: int(row[f"unpriced_{kind}"] or 0) for kind in PRICED_KINDS})
            assumed = dearest.cost_of(tokens)
        priced = int(row["sum_steps"] or 0) * COST_STEP_USD
        return cls(priced + assumed, unpriced, assumed)


def read_spent(budgets: Iterable[Budget], now: datetime) -> dict[int, Spent]:
    """By budget's id, what was spent in its period; none where there was no call."""
    dearest = DearestPrices(now)
    found: dict[int, Spent] = {}
    for period, members in _by_kind(budgets):
        days = period.days_at(now)
        sums = _of(members, DailyUsage.objects.filter(day__gte=days.first, day__lt=days.end))
        rows: Any = sums.values(target=_target_of(members)).annotate(**SPENT)
        ids = {budget.target: budget.pk for budget in members}
        found |= {ids[row["target"]]: Spent.from_row(row, dearest) for row in rows}
    return found


def read_days(budgets: Iterable[Budget], now: datetime) -> dict[int, dict[date, Spent]]:
    """By budget's id and UTC day: the period, and the days before that a forecast looks at."""
    dearest = DearestPrices(now)
    found: dict[int, dict[date, Spent]] = {}
    for period, members in _by_kind(budgets):
        days = period.days_at(now)
        first = min(days.first, window_start(now))
        sums = _of(members, DailyUsage.objects.filter(day__gte=first, day__lt=days.end))
        rows: Any = sums.values("day", target=_target_of(members)).annotate(**SPENT)
        ids = {budget.target: budget.pk for budget in members}
        for row in rows:
            found.setdefault(ids[row["target"]], {})[row["day"]] = Spent.from_row(row, dearest)
    return found


def read_hours(budget: Budget, days: DayRange, now: datetime) -> dict[datetime, Decimal]:
    """The cost of each hour of some days that had calls. One query."""
    dearest = DearestPrices(now)
    sums = HourlyUsage.objects.filter(hour__gte=days.start_at, hour__lt=days.end_at)
    rows: Any = _of([budget], sums).values("hour").annotate(**SPENT)
    return {row["hour"]: Spent.from_row(row, dearest).cost_usd for row in rows}


def _by_kind(budgets: Iterable[Budget]) -> Iterator[tuple[BudgetPeriod, list[Budget]]]:
    def kind(budget: Budget) -> tuple[str, str]:
        return budget.scope, budget.period

    for (_, period), members in groupby(sorted(budgets, key=kind), key=kind):
        yield BudgetPeriod(period), list(members)


def _target_of(members: list[Budget]) -> Any:
    return TARGETS[members[0].scope]


def _of(members: list[Budget], sums: RollupQuerySet[M]) -> RollupQuerySet[M]:
    """Those that count for one of the members of a kind."""
    match members[0].scope:
        case Scope.USER:
            return sums.filter(user__in=[budget.user_id for budget in members])
        case Scope.WORKSPACE:
            return sums.filter(agent__workspace__in=[budget.workspace for budget in members])
    return sums
