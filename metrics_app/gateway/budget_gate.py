"""Refuses calls that a budget no longer pays for, before they cost anything.

A call in flight is held for a small sum. Once it has ended, its cost counts until the ledger, whose
sums the budgets file brings, contains its line. So a race of many agents spends beyond a limit no
more than what the calls in flight cost, and a portal that is down is no way around a budget.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from metrics_app.gateway.budgets import Budget, Budgets, BudgetsFile, Usage
from metrics_app.gateway.policy import Policy
from metrics_app.gateway.refusals import BUDGETS_UNREADABLE, HELD_BY_OTHERS
from metrics_app.gateway.spool import Position

STALE_AFTER = timedelta(hours=1)
# Whose calls, and the hour in which they started.
TotalKey = tuple[Policy | None, datetime]


@dataclass(slots=True)
class Charge:
    """What an agent's call costs or may cost. `written` is where its line went, None in flight."""

    policy: Policy | None
    usd: Decimal
    started_at: datetime
    written: Future[Position] | None = None

    def is_ingested(self, budgets: Budgets) -> bool:
        return (
            self.written is not None
            and self.written.done()
            and budgets.has_ingested(*self.written.result())
        )


@dataclass(slots=True)
class BudgetGate:
    """`read_tail` tells what stands in the spool and is not ingested, for a gateway that starts."""

    file: BudgetsFile
    read_tail: Callable[[Budgets], Iterable[Charge]]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _in_flight: dict[int, Charge] = field(default_factory=dict)
    _settled: list[Charge] = field(default_factory=list)
    _totals: defaultdict[TotalKey, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def refresh(self) -> None:
        """Take over a new budgets file. Cheap where there is none."""
        was_without = self.file.budgets is None
        if self.file.refresh():
            known, self._settled = self._settled, []
            self._totals.clear()
            if budgets := self.file.budgets:
                for charge in self.read_tail(budgets) if was_without else known:
                    if not charge.is_ingested(budgets):
                        self._add(charge)

    def find_refusal(self, policy: Policy) -> tuple[int, str] | None:
        """Status and message, or None where the call may be made."""
        if self.file.is_unreadable:
            return 503, BUDGETS_UNREADABLE
        budgets = self.file.budgets
        mine = [one for one in budgets.budgets if one.covers(policy)] if budgets else []
        left = [(self._left(budget), budget) for budget in mine]
        for usd, budget in left:
            if usd <= 0:
                return 402, budget.message
        if any(usd <= self._held(budget) for usd, budget in left):
            return 429, HELD_BY_OTHERS
        return None

    def hold(self, key: int, policy: Policy) -> None:
        """A call goes out; `key` tells it apart until `settle`."""
        budgets = self.file.budgets
        usd = budgets.hold_usd if budgets else Decimal(0)
        self._in_flight[key] = Charge(policy, usd, self.clock())

    def settle(
        self, key: int, *, model: str | None, usage: Usage | None, written: Future[Position]
    ) -> None:
        """It has ended, and its line is on the way to the disk. Quiet for what was never held."""
        charge = self._in_flight.pop(key, None)
        budgets = self.file.budgets
        if charge is not None and budgets is not None and usage is not None:
            charge.usd = budgets.cost_of(model, usage)
            charge.written = written
            self._add(charge)

    def _add(self, charge: Charge) -> None:
        """Totals by the hour, as thousands of calls may wait while the portal is down."""
        hour = charge.started_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        self._settled.append(charge)
        self._totals[charge.policy, hour] += charge.usd

    def _left(self, budget: Budget) -> Decimal:
        """Of its period; a new one that the file does not know yet has nothing spent in it."""
        is_over = self.clock() >= budget.resets_at
        since = budget.resets_at if is_over else budget.starts_at
        spent = Decimal(0) if is_over else budget.spent_usd
        waiting = (
            usd
            for (policy, hour), usd in self._totals.items()
            if hour >= since and _covers(budget, policy)
        )
        return budget.limit_usd - spent - sum(waiting, Decimal(0))

    def _held(self, budget: Budget) -> Decimal:
        """One that takes very long holds nothing any more, in case its end was never told."""
        oldest = self.clock() - STALE_AFTER
        held = (
            one.usd
            for one in self._in_flight.values()
            if one.started_at >= oldest and _covers(budget, one.policy)
        )
        return sum(held, Decimal(0))


def _covers(budget: Budget, policy: Policy | None) -> bool:
    return budget.scope == "everyone" if policy is None else budget.covers(policy)
