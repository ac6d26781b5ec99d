"""The ledger summed by user, workspace, agent, model or day, exact to the last digit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import F, TextChoices

from metrics_app.models import DailyUsage, UsageRecord
from metrics_app.querysets import ROLLUP_SUMS, RollupQuerySet, UsageRecordQuerySet, UsageTotals
from metrics_app.ranges import DayRange


class Grouping(TextChoices):
    USER = "user", "User"
    WORKSPACE = "workspace", "Workspace"
    AGENT = "agent", "Agent"
    MODEL = "model", "Model"
    DAY = "day", "Day"


GROUP_KEYS: dict[Grouping, Any] = {
    Grouping.USER: F("user__username"),
    Grouping.WORKSPACE: F("agent__workspace"),
    Grouping.AGENT: F("agent_id"),
    Grouping.MODEL: F("model"),
    Grouping.DAY: F("day"),
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
    totals: UsageTotals
    owner: str = ""
    is_deleted: bool = False

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        key = str(row["group_key"])
        return cls(
            key=key,
            label=row.get("agent_name") or key,
            totals=UsageTotals.from_row(row),
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
    def total(self) -> UsageTotals:
        return sum((line.totals for line in self.lines), UsageTotals())


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the ledger is asked for; `username` None is everyone that the viewer sees."""

    days: DayRange
    grouping: Grouping = Grouping.USER
    username: str | None = None

    def records(self, viewer: User | AnonymousUser) -> UsageRecordQuerySet:
        """The single calls."""
        found = UsageRecord.objects.visible_to(viewer).filter(
            started_at__gte=self.days.start_at, started_at__lt=self.days.end_at
        )
        return found if self.username is None else found.filter(user__username=self.username)

    def sums(self, viewer: User | AnonymousUser) -> RollupQuerySet[DailyUsage]:
        """What they add up to."""
        found = DailyUsage.objects.visible_to(viewer).filter(
            day__gte=self.days.first, day__lt=self.days.end
        )
        return found if self.username is None else found.filter(user__username=self.username)

    def report(self, viewer: User | AnonymousUser) -> Report:
        """The most expensive group first, days in their order. One query."""
        extra = AGENT_COLUMNS if self.grouping == Grouping.AGENT else {}
        rows = (
            self.sums(viewer)
            .values(group_key=GROUP_KEYS[self.grouping], **extra)
            .annotate(**ROLLUP_SUMS)
        )
        lines = [ReportLine.from_row(row) for row in rows]
        lines.sort(key=lambda line: line.key)
        if self.grouping != Grouping.DAY:
            lines.sort(key=lambda line: line.totals.cost_usd, reverse=True)
        return Report(self.days, self.grouping, self.username, tuple(lines))
