"""Sums over usage, in the database: Decimals for money, one query a word."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from operator import add, attrgetter
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import BigIntegerField, Count, F, Q, Sum
from django.db.models.functions import Cast, Round

from metrics_app.pricing import COST_STEP_USD

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from metrics_app.models import TurnCost, UsageRecord  # noqa: F401, named in strings


STEPS_A_USD = int(1 / COST_STEP_USD)
# In place of a user, whose ids begin with 1.
EVERYONE = 0


@dataclass(frozen=True, slots=True)
class UsageTotals:
    """Sums over calls; a count_tokens request is none. `cost_usd` lacks the `unpriced` calls."""

    calls: int = 0
    input_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    cache_read_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    web_searches: int = 0
    unpriced: int = 0
    estimated: int = 0
    cost_usd: Decimal = Decimal(0)

    @property
    def cache_write_tokens(self) -> int:
        return self.cache_write_5m_tokens + self.cache_write_1h_tokens

    @property
    def is_unknown(self) -> bool:
        """Whether the cost says nothing, as no call that costs has a price."""
        return self.unpriced > 0 and self.cost_usd == 0

    def __add__(self, other: "UsageTotals") -> "UsageTotals":
        return UsageTotals(*map(add, _values_of(self), _values_of(other)))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Build from a row that has `SUMS` or some of them; sums over nothing are None."""
        values: dict[str, Any] = {
            field.name: int(row.get(f"sum_{field.name}") or 0) for field in fields(cls)
        }
        values["cost_usd"] *= COST_STEP_USD
        return cls(**values)


_values_of = attrgetter(*(field.name for field in fields(UsageTotals)))


@dataclass(frozen=True, slots=True)
class TurnTotals:
    """Sums over turns. The figures are of the turns that have both, so that they add up."""

    turns: int
    compared: int
    flagged: int
    with_both: int
    our_cost_usd: Decimal
    cli_cost_usd: Decimal

    @property
    def difference_usd(self) -> Decimal:
        return self.our_cost_usd - self.cli_cost_usd

    @property
    def pending(self) -> int:
        return self.turns - self.compared

    @property
    def without_figure(self) -> int:
        return self.compared - self.with_both


def _steps_of(name: str) -> Cast:
    """SQLite sums Decimals in binary, and loses the last digits: whole steps are exact."""
    return Cast(Round(F(name) * STEPS_A_USD), BigIntegerField())


TOKEN_COLUMNS = (
    "input_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "output_tokens",
    "thinking_tokens",
    "web_searches",
)
SUMS = {
    "sum_calls": Count("pk", filter=~Q(kind="count_tokens")),
    "sum_unpriced": Count("pk", filter=Q(is_unpriced=True)),
    "sum_estimated": Count("pk", filter=Q(is_estimated=True)),
    "sum_cost_usd": Sum(_steps_of("cost_usd")),
} | {f"sum_{name}": Sum(name) for name in TOKEN_COLUMNS}


# The same sums over rollups, which have a column for each.
ROLLUP_SUMS = {
    f"sum_{field.name}": Sum(field.name)
    for field in fields(UsageTotals)
    if field.name != "cost_usd"
} | {"sum_cost_usd": Sum("cost_steps")}

M = TypeVar("M", bound=models.Model)


class WholeSum(Cast):
    """A sum of whole numbers, as the database gives it.

    PostgreSQL's own are Decimals, and Django converts each value: thousands of them take longer
    than the query.
    """

    def __init__(self, name: str) -> None:
        super().__init__(Sum(name), BigIntegerField())

    def get_db_converters(self, _connection: Any) -> list[Any]:
        return []


class OwnedQuerySet(models.QuerySet[M]):
    """Rows that say whose calls they are about."""

    def visible_to(self, user: "User | AnonymousUser") -> Self:
        """The user's own calls, those of deleted agents too; staff see everyone's."""
        if not user.is_authenticated:
            return self.none()
        return self.all() if user.is_staff else self.of_user(user)

    def of_user(self, user: "User | AnonymousUser") -> Self:
        return self.filter(user_id=user.pk)

    def of_agents(self, agent_ids: Iterable[UUID]) -> Self:
        return self.filter(agent_id__in=list(agent_ids))


class UsageRecordQuerySet(OwnedQuerySet["UsageRecord"]):
    def since(self, start: datetime | None) -> Self:
        """Calls that started then or later; all where `start` is None."""
        return self if start is None else self.filter(started_at__gte=start)

    def totals(self) -> UsageTotals:
        return UsageTotals.from_row(self.order_by().aggregate(**SUMS))

    def costs(self) -> UsageTotals:
        """The totals without their tokens."""
        sums = {f"sum_{name}": SUMS[f"sum_{name}"] for name in ("calls", "unpriced", "cost_usd")}
        return UsageTotals.from_row(self.order_by().aggregate(**sums))


class TurnCostQuerySet(OwnedQuerySet["TurnCost"]):
    def of_user(self, user: "User | AnonymousUser") -> Self:
        return self.filter(agent__owner_id=user.pk)

    def totals(self) -> TurnTotals:
        """One query. Dollars and steps apart: a CLI may claim so much that steps overflow."""
        figures = ("our_cost_usd", "cli_cost_usd")
        has_both = Q(difference_usd__isnull=False)
        sums = self.order_by().aggregate(
            turns=Count("pk"),
            compared=Count("pk", filter=Q(our_cost_usd__isnull=False)),
            flagged=Count("pk", filter=Q(is_flagged=True)),
            with_both=Count("pk", filter=has_both),
            **{
                f"{name}_dollars": Sum(_steps_of(name) / STEPS_A_USD, filter=has_both)
                for name in figures
            },
            **{
                f"{name}_rest": Sum(_steps_of(name) % STEPS_A_USD, filter=has_both)
                for name in figures
            },
        )
        for name in figures:
            dollars, rest = sums.pop(f"{name}_dollars") or 0, sums.pop(f"{name}_rest") or 0
            sums[name] = int(dollars) + int(rest) * COST_STEP_USD
        return TurnTotals(**sums)


class OwnerQuerySet(models.QuerySet[M]):
    """Rows about all calls of a user, and about everyone's."""

    def visible_to(self, user: "User | AnonymousUser", owner_id: int | None = None) -> Self:
        """Each call once: those of one user, or of all that the viewer sees."""
        if not user.is_authenticated:
            return self.none()
        if user.is_staff:
            return self.filter(owner_id=EVERYONE if owner_id is None else owner_id)
        if owner_id not in (None, user.pk):
            return self.none()
        return self.filter(owner_id=user.pk)

    def of_everyone(self) -> Self:
        return self.filter(owner_id=EVERYONE)


class RollupQuerySet(OwnedQuerySet[M]):
    def totals(self) -> UsageTotals:
        return UsageTotals.from_row(self.aggregate(**ROLLUP_SUMS))

    def totals_by_agent(self) -> dict[UUID, UsageTotals]:
        """Totals by agent id, none for agents without calls."""
        rows = self.values("agent_id").annotate(**ROLLUP_SUMS)
        return {row["agent_id"]: UsageTotals.from_row(row) for row in rows}
