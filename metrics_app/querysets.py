"""Sums over usage, in the database: Decimals for money, one query a word."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Count, Q, Sum

from metrics_app.pricing import COST_STEP_USD

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from metrics_app.models import UsageRecord  # noqa: F401, named in a string


@dataclass(frozen=True, slots=True)
class UsageTotals:
    """Sums over calls; a count_tokens request is none. `cost_usd` lacks the `unpriced` calls."""

    cost_usd: Decimal = Decimal(0)
    calls: int = 0
    input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    output_tokens: int = 0
    unpriced: int = 0
    estimated: int = 0

    @property
    def is_unknown(self) -> bool:
        """Whether the cost says nothing, as no call that costs has a price."""
        return self.unpriced > 0 and self.cost_usd == 0

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Build from a row that has `SUMS`, where sums over nothing are None."""
        values: dict[str, Any] = {
            field.name: row[f"sum_{field.name}"] or 0 for field in fields(cls)
        }
        # SQLite sums in binary: 15 digits are right, and ten places restore the exact value.
        values["cost_usd"] = Decimal(values["cost_usd"]).quantize(COST_STEP_USD)
        return cls(**values)


SUMS = {
    "sum_cost_usd": Sum("cost_usd"),
    "sum_calls": Count("pk", filter=~Q(kind="count_tokens")),
    "sum_input_tokens": Sum("input_tokens"),
    "sum_cache_write_tokens": Sum(
        models.F("cache_write_5m_tokens") + models.F("cache_write_1h_tokens")
    ),
    "sum_cache_read_tokens": Sum("cache_read_tokens"),
    "sum_output_tokens": Sum("output_tokens"),
    "sum_unpriced": Count("pk", filter=Q(is_unpriced=True)),
    "sum_estimated": Count("pk", filter=Q(is_estimated=True)),
}


class UsageRecordQuerySet(models.QuerySet["UsageRecord"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        """The user's own calls, those of deleted agents too; staff see everyone's."""
        if not user.is_authenticated:
            return self.none()
        return self.all() if user.is_staff else self.of_user(user)

    def of_user(self, user: "User | AnonymousUser") -> Self:
        return self.filter(user_id=user.pk)

    def of_agents(self, agent_ids: Iterable[UUID]) -> Self:
        return self.filter(agent_id__in=list(agent_ids))

    def since(self, start: datetime | None) -> Self:
        """Calls that started then or later; all where `start` is None."""
        return self if start is None else self.filter(started_at__gte=start)

    def totals(self) -> UsageTotals:
        return UsageTotals.from_row(self.order_by().aggregate(**SUMS))

    def totals_by_agent(self) -> dict[UUID, UsageTotals]:
        """Totals by agent id, none for agents without rows."""
        rows = self.order_by().values("agent_id").annotate(**SUMS)
        return {row["agent_id"]: UsageTotals.from_row(row) for row in rows}
