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
from metrics_app.querysets import UsageTotals
from metrics_app.ranges import DayRange

TOP = 10
SUMS = {"sum_calls": Sum("calls"), "sum_unpriced": Sum("unpriced"), "sum_steps": Sum("cost_steps")}

Key = TypeVar("Key", bound=Hashable)


class AgentSums(NamedTuple):
    """What a user's calls with an agent add up to."""

    user_id: int
    agent_id: UUID
    calls: int
    unpriced: int
    steps: int


class SessionSums(NamedTuple):
    """What the calls of a session add up to."""

    session_id: int
    calls: int
    unpriced: int
    steps: int


Row = TypeVar("Row", AgentSums, SessionSums)


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


def rank_spenders(selection: DashboardSelection, viewer: User, days: DayRange) -> TopSpenders:
    """Six queries: sums by agent and by session, where agents work, names of agents, users, sessions.

    Sessions are many: they are summed without their agent, which only those at the top need.
    """
    rows = within(selection.daily(viewer), days)
    by_agent = [
        AgentSums(user_id, agent_id, *map(int, sums))
        for user_id, agent_id, *sums in rows.values_list("user_id", "agent_id").annotate(**SUMS)
    ]
    by_session = [
        SessionSums(session_id, *map(int, sums))
        for session_id, *sums in rows.exclude(session_id=0)
        .values_list("session_id")
        .annotate(**SUMS)
    ]
    workspaces = dict(selection.agents(viewer).values_list("pk", "workspace"))
    users = _rank(by_agent, lambda row: row.user_id)
    agents = _rank(by_agent, lambda row: row.agent_id)
    places = _rank(by_agent, lambda row: workspaces.get(row.agent_id, ""))
    sessions = _rank(by_session, lambda row: row.session_id)
    known = Agent.objects.select_related("owner").in_bulk(agents)
    names = dict(User.objects.filter(pk__in=users).values_list("pk", "username"))
    numbered = AgentSession.objects.select_related("agent__owner").in_bulk(sessions)
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
            _name_agent(session.agent, viewer, spent, number=session.number)
            for session_id, spent in sessions.items()
            if (session := numbered.get(session_id))
        ),
        session_costs=_cost_of_sessions(by_session),
    )


def _rank(rows: Iterable[Row], key_of: Callable[[Row], Key]) -> dict[Key, Spent]:
    calls: dict[Key, int] = {}
    unpriced: dict[Key, int] = {}
    steps: dict[Key, int] = {}
    for row in rows:
        key = key_of(row)
        calls[key] = calls.get(key, 0) + row.calls
        unpriced[key] = unpriced.get(key, 0) + row.unpriced
        steps[key] = steps.get(key, 0) + row.steps
    whole = sum(steps.values())
    return {
        key: Spent(
            UsageTotals(
                calls=calls[key], unpriced=unpriced[key], cost_usd=steps[key] * COST_STEP_USD
            ),
            steps[key] / whole if whole else 0,
        )
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


def _cost_of_sessions(rows: Sequence[SessionSums]) -> SessionCosts:
    known = [row.steps for row in rows if row.steps or not row.unpriced]
    median, p95 = (percentile(known, percent) for percent in (50, 95))
    return SessionCosts(len(known), len(rows) - len(known), _to_usd(median), _to_usd(p95))


def _to_usd(steps: int | None) -> Decimal | None:
    return None if steps is None else steps * COST_STEP_USD
