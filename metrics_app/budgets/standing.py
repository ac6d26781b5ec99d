"""How budgets stand in the periods that now lies in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from metrics_app.budgets.spending import Spent, read_days, read_spent
from metrics_app.forecast import Forecast, forecast
from metrics_app.models import Budget, BudgetAlert, BudgetPeriod, BudgetTopUp
from metrics_app.ranges import DayRange


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget in its present period. `forecast` is None where it is not known or not read."""

    budget: Budget
    days: DayRange
    topped_up_usd: Decimal
    spent: Spent
    forecast: Forecast | None = None

    @property
    def period(self) -> str:
        """In words."""
        return BudgetPeriod(self.budget.period).describe(self.days.first)

    @property
    def limit_usd(self) -> Decimal:
        return self.budget.limit_usd + self.topped_up_usd

    @property
    def left_usd(self) -> Decimal:
        """Never below 0; see `over_usd`."""
        return max(self.limit_usd - self.spent.cost_usd, Decimal(0))

    @property
    def over_usd(self) -> Decimal:
        """What calls that were under way when it ran out have spent beyond it."""
        return max(self.spent.cost_usd - self.limit_usd, Decimal(0))

    @property
    def used_percent(self) -> int:
        """Rounded down, so that 100 is all of it."""
        return int(self.spent.cost_usd * 100 / self.limit_usd)

    @property
    def bar_percent(self) -> int:
        return min(self.used_percent, 100)

    @property
    def reached(self) -> list[BudgetAlert.Threshold]:
        """Ascending."""
        return [
            threshold
            for threshold in BudgetAlert.Threshold
            if self.spent.cost_usd * 100 >= self.limit_usd * threshold
        ]

    @property
    def is_used_up(self) -> bool:
        return self.spent.cost_usd >= self.limit_usd

    @property
    def tone(self) -> str:
        """The CSS class of its bar."""
        if not self.reached:
            return "good"
        return "bad" if self.is_used_up else "warn"


def read_standings(budgets: Sequence[Budget], now: datetime) -> list[Standing]:
    """Without forecasts. A query for top-ups, and one for each kind of budget."""
    topped_up = _read_top_ups(budgets, now)
    spent = read_spent(budgets, now)
    return [
        Standing(
            budget,
            budget.days_at(now),
            topped_up.get(budget.pk, Decimal(0)),
            spent.get(budget.pk, Spent()),
        )
        for budget in budgets
    ]


def read_forecasts(budgets: Sequence[Budget], now: datetime) -> list[Standing]:
    """With forecasts, in as many queries."""
    topped_up = _read_top_ups(budgets, now)
    spent = read_days(budgets, now)
    standings = []
    for budget in budgets:
        days = budget.days_at(now)
        added = topped_up.get(budget.pk, Decimal(0))
        by_day = spent.get(budget.pk, {})
        inside = [day_spent for day, day_spent in by_day.items() if days.first <= day < days.end]
        total = Spent(
            sum((day_spent.cost_usd for day_spent in inside), Decimal(0)),
            sum(day_spent.unpriced for day_spent in inside),
            sum((day_spent.assumed_usd for day_spent in inside), Decimal(0)),
        )
        costs = {day: day_spent.cost_usd for day, day_spent in by_day.items()}
        expected = forecast(costs, days, budget.limit_usd + added, now)
        standings.append(Standing(budget, days, added, total, expected))
    return standings


def _read_top_ups(budgets: Iterable[Budget], now: datetime) -> dict[int, Decimal]:
    """By budget's id. Summed here, as SQLite sums Decimals in binary."""
    added: dict[int, Decimal] = {}
    rows = BudgetTopUp.objects.current(now).filter(budget__in=[budget.pk for budget in budgets])
    for budget_id, amount in rows.order_by().values_list("budget_id", "amount_usd"):
        added[budget_id] = added.get(budget_id, Decimal(0)) + amount
    return added
