"""What of the ledger the dashboard is about."""

from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Model, Q, QuerySet, TextChoices

from agents.models import Agent
from agents.rendering import make_visible
from metrics_app.models import DailySpending, DailyTotal, DailyUsage, HourlyUsage, UsageRecord
from metrics_app.presets import Unit
from metrics_app.querysets import UsageRecordQuerySet
from metrics_app.ranges import DayRange

M = TypeVar("M", bound=Model)


class SeriesBy(TextChoices):
    """What the series of the cost chart are."""

    MODEL = "model", "Model"
    USER = "user", "User"
    WORKSPACE = "workspace", "Workspace"
    TOKENS = "tokens", "Token type"


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSelection:
    """`days` None is all time, `unit` None the fitting one; the others narrow where they are set."""

    days: DayRange | None
    user_id: int | None = None
    workspace: str = ""
    agent_id: UUID | None = None
    model: str = ""
    by: SeriesBy = SeriesBy.MODEL
    unit: Unit | None = None

    def daily(self, viewer: User) -> QuerySet[DailyTotal] | QuerySet[DailyUsage]:
        """Sums and latencies by model, of as few rows as tell them."""
        if self.workspace or self.agent_id is not None:
            return self._of_model(self._of_owners(DailyUsage.objects.visible_to(viewer)))
        return self._of_model(DailyTotal.objects.visible_to(viewer, self.user_id))

    def spending(self, viewer: User) -> QuerySet[DailySpending] | QuerySet[DailyUsage]:
        """Calls and costs by user, agent and session, of as few rows as tell them."""
        if self.model:
            return self._of_model(self._of_owners(DailyUsage.objects.visible_to(viewer)))
        return self._of_owners(DailySpending.objects.visible_to(viewer))

    def hourly(self, viewer: User) -> QuerySet[HourlyUsage]:
        return self._of_model(self._of_owners(HourlyUsage.objects.visible_to(viewer)))

    def records(self, viewer: User) -> UsageRecordQuerySet:
        found = UsageRecord.objects.visible_to(viewer).filter(**self._owners)
        if self.model:
            found = found.filter(Q(model=self.model) | Q(model="", requested_model=self.model))
        return found

    def agents(self, viewer: User) -> QuerySet[Agent]:
        """Agents whose calls are selected; the deleted ones too."""
        found = agents_in_ledger(viewer)
        if self.user_id is not None:
            found = found.filter(owner_id=self.user_id)
        if self.workspace:
            found = found.filter(workspace=self.workspace)
        return found if self.agent_id is None else found.filter(pk=self.agent_id)

    def _of_owners(self, rollups: QuerySet[M]) -> QuerySet[M]:
        return rollups.filter(**self._owners)

    def _of_model(self, rollups: QuerySet[M]) -> QuerySet[M]:
        return rollups.filter(model=self.model) if self.model else rollups

    @property
    def _owners(self) -> dict[str, Any]:
        wanted: dict[str, Any] = {}
        if self.user_id is not None:
            wanted["user_id"] = self.user_id
        if self.workspace:
            wanted["agent_id__in"] = (
                Agent.objects.filter(workspace=self.workspace).order_by().values("pk")
            )
        if self.agent_id is not None:
            wanted["agent_id"] = self.agent_id
        return wanted


def agents_in_ledger(viewer: User) -> QuerySet[Agent]:
    """Agents whose calls the viewer may see, in no order."""
    agents = Agent.objects.order_by()
    return agents if viewer.is_staff else agents.filter(owner_id=viewer.pk)


def name_agent(agent: Agent, viewer: User) -> str:
    """Among others; staff see those of many owners."""
    name = make_visible(agent.name)
    if viewer.is_staff:
        name = f"{name} ({agent.owner.get_username()})"
    return f"{name}, deleted" if agent.deleted_at else name


def hours_of(selection: DashboardSelection, viewer: User, days: DayRange) -> QuerySet[HourlyUsage]:
    return selection.hourly(viewer).filter(hour__gte=days.start_at, hour__lt=days.end_at)


def within(rows: QuerySet[M], days: DayRange) -> QuerySet[M]:
    """Rows of days."""
    return rows.filter(day__gte=days.first, day__lt=days.end)
