"""The ledger summed by user, workspace, agent, model or day, exact to the last digit."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from datetime import UTC
from decimal import Decimal
from typing import Any, Self

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import BigIntegerField, Count, F, Q, Sum, TextChoices, Value
from django.db.models.functions import Cast, Coalesce, NullIf, Round, TruncDate

from metrics_app.models import CallKind, UsageRecord
from metrics_app.pricing import COST_STEP_USD
from metrics_app.querysets import UsageRecordQuerySet
from metrics_app.ranges import DayRange

STEPS_A_USD = int(1 / COST_STEP_USD)


class Grouping(TextChoices):
    USER = "user", "User"
    WORKSPACE = "workspace", "Workspace"
    AGENT = "agent", "Agent"
    MODEL = "model", "Model"
    DAY = "day", "Day"


@dataclass(frozen=True, slots=True)
class LedgerTotals:
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
    def is_unknown(self) -> bool:
        """Whether the cost says nothing, as no call that costs has a price."""
        return self.unpriced > 0 and self.cost_usd == 0

    def __add__(self, other: "LedgerTotals") -> "LedgerTotals":
        return LedgerTotals(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Build from a row that has `LEDGER_SUMS`, where sums over nothing are None."""
        values: dict[str, Any] = {
            field.name: row[f"sum_{field.name}"] or 0 for field in fields(cls)
        }
        values["cost_usd"] *= COST_STEP_USD
        return cls(**values)


# Costs are summed as whole steps: SQLite sums Decimals in binary, and loses the last digits.
LEDGER_SUMS = {
    "sum_calls": Count("pk", filter=~Q(kind=CallKind.COUNT_TOKENS)),
    "sum_unpriced": Count("pk", filter=Q(is_unpriced=True)),
    "sum_estimated": Count("pk", filter=Q(is_estimated=True)),
    "sum_cost_usd": Sum(Cast(Round(F("cost_usd") * STEPS_A_USD), BigIntegerField())),
} | {
    f"sum_{name}": Sum(name)
    for name in (
        "input_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "cache_read_tokens",
        "output_tokens",
        "thinking_tokens",
        "web_searches",
    )
}

# A call that failed has no model that answered: it stands under the one that was asked for.
GROUP_KEYS: dict[Grouping, Any] = {
    Grouping.USER: F("user__username"),
    Grouping.WORKSPACE: F("agent__workspace"),
    Grouping.AGENT: F("agent_id"),
    Grouping.MODEL: Coalesce(NullIf("model", Value("")), "requested_model"),
    Grouping.DAY: TruncDate("started_at", tzinfo=UTC),
}
AGENT_COLUMNS = {
    "agent_name": F("agent__name"),
    "agent_owner": F("user__username"),
    "agent_deleted_at": F("agent__deleted_at"),
}


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A group. `key` tells groups apart, `label` is for people, as are `owner` and `is_deleted`."""

    key: str
    label: str
    totals: LedgerTotals
    owner: str = ""
    is_deleted: bool = False

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        key = str(row["group_key"])
        return cls(
            key=key,
            label=row.get("agent_name") or key,
            totals=LedgerTotals.from_row(row),
            owner=row.get("agent_owner", ""),
            is_deleted=row.get("agent_deleted_at") is not None,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What `username` (None: everyone) spent in `days`; lines sum up to the total."""

    days: DayRange
    grouping: Grouping
    username: str | None
    lines: tuple[ReportLine, ...]

    @property
    def total(self) -> LedgerTotals:
        return sum((line.totals for line in self.lines), LedgerTotals())


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the ledger is asked for; `username` None is everyone that the viewer sees."""

    days: DayRange
    grouping: Grouping = Grouping.USER
    username: str | None = None

    def records(self, viewer: User | AnonymousUser) -> UsageRecordQuerySet:
        found = UsageRecord.objects.visible_to(viewer).filter(
            started_at__gte=self.days.start_at, started_at__lt=self.days.end_at
        )
        return found if self.username is None else found.filter(user__username=self.username)

    def report(self, viewer: User | AnonymousUser) -> Report:
        """The most expensive group first, days in their order. One query."""
        extra = AGENT_COLUMNS if self.grouping == Grouping.AGENT else {}
        rows = (
            self.records(viewer)
            .order_by()
            .values(group_key=GROUP_KEYS[self.grouping], **extra)
            .annotate(**LEDGER_SUMS)
        )
        lines = [ReportLine.from_row(row) for row in rows]
        lines.sort(key=lambda line: line.key)
        if self.grouping != Grouping.DAY:
            lines.sort(key=lambda line: line.totals.cost_usd, reverse=True)
        return Report(self.days, self.grouping, self.username, tuple(lines))
