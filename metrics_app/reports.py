"""What the pages and tags show of usage, each in a known number of queries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from agents.models import Agent
from metrics_app.forms import Period
from metrics_app.models import UsageRecord
from metrics_app.querysets import SUMS, UsageRecordQuerySet, UsageTotals

Rows = QuerySet[UsageRecord, Any]


@dataclass(frozen=True, slots=True)
class Card:
    period: Period
    totals: UsageTotals


@dataclass(frozen=True, slots=True)
class AgentSpend:
    """A line of the table of agents. `url` is empty where the viewer may not open the agent."""

    name: str
    username: str
    is_deleted: bool
    url: str
    totals: UsageTotals

    @classmethod
    def from_row(cls, row: Mapping[str, Any], viewer_id: int | None) -> Self:
        is_deleted = row["deleted_at"] is not None
        may_open = not is_deleted and row["owner_id"] == viewer_id
        url = Agent(pk=row["agent_id"]).get_absolute_url() if may_open else ""
        return cls(row["name"], row["username"], is_deleted, url, UsageTotals.from_row(row))


@dataclass(frozen=True, slots=True)
class UserSpend:
    username: str
    totals: UsageTotals

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(row["username"], UsageTotals.from_row(row))


def period_start(period: Period, now: datetime) -> datetime | None:
    """When the period began, in the site's time zone; None for all time."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case Period.TODAY:
            return midnight
        case Period.WEEK:
            return now - timedelta(days=7)
        case Period.MONTH:
            return midnight.replace(day=1)
        case Period.ALL:
            return None


def make_cards(records: UsageRecordQuerySet, now: datetime) -> list[Card]:
    """Today, 7 days and this month. A query each."""
    return [
        Card(period, records.since(period_start(period, now)).totals())
        for period in (Period.TODAY, Period.WEEK, Period.MONTH)
    ]


def rank_agents(records: UsageRecordQuerySet) -> Rows:
    """Rows for AgentSpend, the most expensive first; deleted agents stay in the list."""
    return _rank(
        records,
        "agent_id",
        name=F("agent__name"),
        deleted_at=F("agent__deleted_at"),
        owner_id=F("agent__owner_id"),
        username=F("user__username"),
    )


def rank_users(records: UsageRecordQuerySet) -> Rows:
    """Rows for UserSpend, the most expensive first."""
    return _rank(records, "user_id", username=F("user__username"))


def _rank(records: UsageRecordQuerySet, key: str, **columns: F) -> Rows:
    # Unpriced calls alone sum to NULL, which not all databases sort last.
    by_cost = Coalesce("sum_cost_usd", Decimal(0)).desc()
    rows: Rows = records.values(key, **columns).annotate(**SUMS).order_by(by_cost, key)
    return rows


def total_of_agent(agent: Agent) -> UsageTotals:
    """One query."""
    return UsageRecord.objects.of_agents([agent.pk]).totals()


def totals_of_agents(agents: Iterable[Agent]) -> dict[UUID, UsageTotals]:
    """Totals by agent id, none for agents without calls. One query."""
    return UsageRecord.objects.of_agents(agent.pk for agent in agents).totals_by_agent()
