"""Who and what the money went to."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Sum

from agents.models import Agent, AgentSession
from metrics_app.charts import pick_top
from metrics_app.dashboard.selection import DashboardSelection, within
from metrics_app.indicators import percentile
from metrics_app.pricing import COST_STEP_USD
from metrics_app.ranges import DayRange

TOP = 10

Key = TypeVar("Key", bound=Hashable)


class SessionSums(NamedTuple):
    """What the calls of a session add up to; session 0 is that of calls outside of any."""

    user_id: int
    agent_id: UUID
    session_id: int
    calls: int
    steps: int


@dataclass(frozen=True, slots=True)
class Spent:
    calls: int
    cost_usd: Decimal
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
    """None where there are no sessions."""

    count: int
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


def rank_spenders(selection: DashboardSelection, viewer: User, days: DayRange) -> TopSpenders:
    """Four queries: the sums, the agents, names of users and numbers of sessions."""
    found = (
        within(selection.daily(viewer), days)
        .values_list("user_id", "agent_id", "session_id")
        .annotate(calls=Sum("calls"), steps=Sum("cost_steps"))
    )
    rows = [
        SessionSums(user_id, agent_id, session_id, int(calls), int(steps))
        for user_id, agent_id, session_id, calls, steps in found
    ]
    of_sessions = [row for row in rows if row.session_id]
    workspaces = dict(selection.agents(viewer).values_list("pk", "workspace"))
    users = _rank(rows, lambda row: row.user_id)
    agents = _rank(rows, lambda row: row.agent_id)
    sessions = _rank(of_sessions, lambda row: (row.agent_id, row.session_id))
    places = _rank(rows, lambda row: workspaces.get(row.agent_id, ""))
    agent_ids = {*agents, *(agent_id for agent_id, _ in sessions)}
    known = Agent.objects.select_related("owner").in_bulk(agent_ids)
    names = dict(User.objects.filter(pk__in=users).values_list("pk", "username"))
    numbers = dict(
        AgentSession.objects.filter(pk__in=[session_id for _, session_id in sessions])
        .order_by()
        .values_list("pk", "number")
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
            _name_agent(known[agent_id], viewer, spent, number=numbers.get(session_id))
            for (agent_id, session_id), spent in sessions.items()
        ),
        session_costs=_cost_of_sessions(of_sessions),
    )


def _rank(rows: Sequence[SessionSums], key_of: Callable[[SessionSums], Key]) -> dict[Key, Spent]:
    calls: dict[Key, int] = {}
    steps: dict[Key, int] = {}
    for row in rows:
        key = key_of(row)
        calls[key] = calls.get(key, 0) + row.calls
        steps[key] = steps.get(key, 0) + row.steps
    whole = sum(steps.values())
    return {
        key: Spent(calls[key], steps[key] * COST_STEP_USD, steps[key] / whole if whole else 0)
        for key in pick_top(steps, TOP)
    }


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


def _cost_of_sessions(rows: Iterable[SessionSums]) -> SessionCosts:
    steps: dict[int, int] = {}
    for row in rows:
        steps[row.session_id] = steps.get(row.session_id, 0) + row.steps
    costs = [value * COST_STEP_USD for value in steps.values()]
    return SessionCosts(len(costs), percentile(costs, 50), percentile(costs, 95))
