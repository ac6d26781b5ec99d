"""Why a budget does not change, in words for the person who asked."""

from decimal import Decimal

from metrics_app.budgets.amounts import format_usd
from metrics_app.models import Budget


class BudgetError(Exception):
    """Base of all; `str()` is fit to be shown to the user."""


class BudgetExists(BudgetError):
    """The target has a budget for such periods, which may be switched off."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        state = "" if budget.is_active else ", switched off"
        super().__init__(f"There is a {budget} already{state}. Change that one.")


class LimitChanged(BudgetError):
    """The limit is no longer the one that the person saw."""

    def __init__(self, limit_usd: Decimal) -> None:
        self.limit_usd = limit_usd
        super().__init__(f"Somebody has set the limit to {format_usd(limit_usd)} meanwhile.")


class PeriodOver(BudgetError):
    """The period that was to get more has ended."""

    def __init__(self) -> None:
        super().__init__("That period is over, a new one has begun. Look whether it needs more.")
