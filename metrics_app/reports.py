"""What the pages and tags show of usage, each in a known number of queries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from agents.models import Agent
from metrics_app.forms import Period
from metrics_app.indicators import cache_hit_rate, percentile, share, total_cache_savings
from metrics_app.models import CallKind, DailyUsage, UsageRecord
from metrics_app.overrides import load_overrides
from metrics_app.price_list import find_rates
from metrics_app.pricing import Tokens
from metrics_app.querysets import SUMS, UsageRecordQuerySet, UsageTotals

Rows = QuerySet[UsageRecord, Any]

MAX_LATENCY_SAMPLES = 10_000
IS_CALL = ~Q(kind=CallKind.COUNT_TOKENS)
OUTCOMES = {
    "calls": Count("pk", filter=IS_CALL),
    "failed": Count(
        "pk", filter=IS_CALL & (Q(status=None) | Q(status__gte=400) | Q(complete=False))
    ),
    "rate_limited": Count("pk", filter=IS_CALL & Q(status=429)),
    "overloaded": Count("pk", filter=IS_CALL & Q(status=529)),
}
CACHE_USE = {
    f"sum_{name}": Sum(f"{name}_tokens")
    for name in ("input", "cache_write_5m", "cache_write_1h", "cache_read")
}


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


@dataclass(frozen=True, slots=True)
class Indicators:
    """How well the calls of a period went; rates from 0 to 1, times in ms, None where there are none.

    The latencies are those of the newest `MAX_LATENCY_SAMPLES` calls that were answered.
    """

    cache_hit_rate: float | None
    cache_savings_usd: Decimal | None
    savings_lack_prices: bool
    error_rate: float | None
    rate_limited_rate: float | None
    overloaded_rate: float | None
    first_byte_p50_ms: float | None
    first_byte_p95_ms: float | None
    total_p50_ms: float | None
    total_p95_ms: float | None


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


def measure(records: UsageRecordQuerySet, now: datetime) -> Indicators:
    """Three queries, whatever the number of models. Savings are told at the prices of `now`."""
    by_model: Any = records.order_by().values("model").annotate(**OUTCOMES, **CACHE_USE)
    rows = list(by_model)
    used = [
        Tokens(**{name.removeprefix("sum_"): row[name] or 0 for name in CACHE_USE}) for row in rows
    ]
    outcomes = {name: sum(row[name] for row in rows) for name in OUTCOMES}
    calls = outcomes["calls"]
    overrides = load_overrides()
    savings, lack_prices = total_cache_savings(
        (tokens, find_rates(row["model"], now, overrides))
        for row, tokens in zip(rows, used, strict=True)
    )
    latencies = list(
        records.filter(IS_CALL, status__lt=400)
        .order_by("-started_at")
        .values_list("first_byte_ms", "total_ms")[:MAX_LATENCY_SAMPLES]
    )
    first_bytes = [first for first, _ in latencies if first is not None]
    totals = [total for _, total in latencies if total is not None]
    return Indicators(
        cache_hit_rate=cache_hit_rate(sum(used, Tokens())),
        cache_savings_usd=savings,
        savings_lack_prices=lack_prices,
        error_rate=share(outcomes["failed"], calls),
        rate_limited_rate=share(outcomes["rate_limited"], calls),
        overloaded_rate=share(outcomes["overloaded"], calls),
        first_byte_p50_ms=percentile(first_bytes, 50),
        first_byte_p95_ms=percentile(first_bytes, 95),
        total_p50_ms=percentile(totals, 50),
        total_p95_ms=percentile(totals, 95),
    )


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
    by_cost = Coalesce("sum_cost_usd", 0).desc()
    rows: Rows = records.values(key, **columns).annotate(**SUMS).order_by(by_cost, key)
    return rows


def total_of_agent(agent: Agent) -> UsageTotals:
    """One query."""
    return DailyUsage.objects.of_agents([agent.pk]).totals()


def totals_of_agents(agents: Iterable[Agent]) -> dict[UUID, UsageTotals]:
    """Totals by agent id, none for agents without calls. One query."""
    return DailyUsage.objects.of_agents(agent.pk for agent in agents).totals_by_agent()
