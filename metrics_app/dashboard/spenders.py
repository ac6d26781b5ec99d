"""Who and what the money went to."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from agents.models import Agent, AgentSession
from metrics_app.charts import pick_top
from metrics_app.dashboard.days import Cost, Day, Noun
from metrics_app.dashboard.kept import Kept
from metrics_app.indicators import percentile
from metrics_app.pricing import COST_STEP_USD
from metrics_app.querysets import UsageTotals

TOP = 10
MAX_PAST_SUMS = 100_000
_past: Kept[tuple[Hashable, ...], dict[Any, int]] = Kept(MAX_PAST_SUMS)


@dataclass(frozen=True, slots=True)
class Spent:
    """`share` is that of all cost."""

    totals: UsageTotals
    share: float

    @property
    def width(self) -> str:
        """Of a bar that stands for the share of all cost."""
        return f"{self.share:.2%}"


@dataclass(frozen=True, slots=True)
class Spender:
    """`key` is what the filter of its noun takes, `url` a page of its own; both may be empty."""

    label: str
    spent: Spent
    key: str = ""
    owner: str = ""
    url: str = ""
    is_deleted: bool = False
    session_number: int | None = None


@dataclass(frozen=True, slots=True)
class SessionCosts:
    """Of `count` sessions; None where there are none. Of `unknown` more no call that costs has a price."""

    count: int
    unknown: int
    median_usd: Decimal | None
    p95_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class TopSpenders:
    """Of each the most expensive, those first."""

    users: tuple[Spender, ...]
    workspaces: tuple[Spender, ...]
    agents: tuple[Spender, ...]
    sessions: tuple[Spender, ...]
    session_costs: SessionCosts


def rank_spenders(viewer: User, days: tuple[Day, ...]) -> TopSpenders:
    """Three queries: the names of agents, users and sessions."""
    steps_of_sessions = _sum_steps("sessions", days)
    users = _rank("users", days, _sum_steps("users", days))
    places = _rank("workspaces", days, _sum_steps("workspaces", days))
    by_text = _rank("agents", days, _sum_steps("agents", days))
    agents = {UUID(text): spent for text, spent in by_text.items()}
    sessions = _rank("sessions", days, steps_of_sessions)
    names = dict(User.objects.filter(pk__in=users).values_list("pk", "username"))
    numbered = {
        session_id: (agent_id, number)
        for session_id, agent_id, number in AgentSession.objects.order_by()
        .filter(pk__in=sessions)
        .values_list("pk", "agent_id", "number")
    }
    known = (
        Agent.objects.select_related("owner")
        .only("name", "deleted_at", "owner__username")
        .in_bulk({*agents, *(agent_id for agent_id, _ in numbered.values())})
    )
    return TopSpenders(
        users=tuple(
            Spender(names[user_id], spent, key=names[user_id]) for user_id, spent in users.items()
        ),
        workspaces=tuple(Spender(place, spent, key=place) for place, spent in places.items()),
        agents=tuple(
            _name_agent(known[agent_id], viewer, spent, key=str(agent_id))
            for agent_id, spent in agents.items()
        ),
        sessions=tuple(
            _name_agent(known[numbered[key][0]], viewer, spent, number=numbered[key][1])
            for key, spent in sessions.items()
            if key in numbered
        ),
        session_costs=_cost_of_sessions(days, steps_of_sessions),
    )


def _sum_steps(noun: Noun, days: tuple[Day, ...]) -> dict[Any, int]:
    """By whom or what. Days before the last mostly stay the same, and their sums are kept."""
    steps = dict(_sum_past(noun, days[:-1]))
    for day in days[-1:]:
        _add_steps(noun, day, steps)
    return steps


def _sum_past(noun: Noun, days: tuple[Day, ...]) -> Mapping[Any, int]:
    # Not by the days themselves, which would be kept alive.
    key = (noun, *(day.serial for day in days))
    steps = _past.get(key)
    if steps is None:
        steps = {}
        for day in days:
            _add_steps(noun, day, steps)
        _past.put(key, steps, len(steps))
    return steps


def _add_steps(noun: Noun, day: Day, steps: dict[Any, int]) -> None:
    for key, (_, _, of_key) in day.costs[noun].items():
        steps[key] = steps.get(key, 0) + of_key


def _rank(noun: Noun, days: tuple[Day, ...], steps: Mapping[Any, int]) -> dict[Any, Spent]:
    """The most expensive; only of these all that they cost is added up."""
    whole = sum(steps.values())
    parts = [day.costs[noun] for day in days]
    ranked = {}
    for key in pick_top(steps, TOP):
        cost = reduce(Cost.plus, (costs[key] for costs in parts if key in costs))
        totals = UsageTotals(
            calls=cost.calls, unpriced=cost.unpriced, cost_usd=cost.steps * COST_STEP_USD
        )
        ranked[key] = Spent(totals, cost.steps / whole if whole else 0)
    return ranked


def _name_agent(
    agent: Agent, viewer: User, spent: Spent, *, key: str = "", number: int | None = None
) -> Spender:
    is_deleted = agent.deleted_at is not None
    may_open = agent.owner_id == viewer.pk and not is_deleted
    return Spender(
        label=agent.name,
        spent=spent,
        key=key,
        owner=agent.owner.get_username(),
        url=agent.get_absolute_url() if may_open else "",
        is_deleted=is_deleted,
        session_number=number,
    )


def _cost_of_sessions(days: Iterable[Day], steps: Mapping[int, int]) -> SessionCosts:
    free = {key for key, of_one in steps.items() if not of_one}
    unknown = {
        key
        for day in days
        for key in free & day.costs["sessions"].keys()
        if day.costs["sessions"][key].unpriced
    }
    known = sorted(of_one for key, of_one in steps.items() if key not in unknown)
    median, p95 = (percentile(known, percent) for percent in (50, 95))
    return SessionCosts(len(known), len(unknown), _to_usd(median), _to_usd(p95))


def _to_usd(steps: int | None) -> Decimal | None:
    return None if steps is None else steps * COST_STEP_USD
