"""What the page of all agents shows: what waits for the user, and the agents that were asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, F, Q, TextChoices
from django.db.models.functions import Lower

from agents.models import Agent, ApprovalRequest, Status
from agents.models.agent import ENDED_STATUSES, AgentQuerySet

MAX_ROWS = 300
MAX_ASKED = 20
MAX_QUERY_CHARACTERS = 100


class State(TextChoices):
    """What agents do, coarser than their status."""

    NEEDS_YOU = "needs-you", "needs you"
    WORKING = "working", "working"
    IDLE = "idle", "idle"
    ENDED = "ended", "ended"


STATUSES: Mapping[str, tuple[Status, ...]] = {
    State.NEEDS_YOU: (Status.NEEDS_YOU,),
    State.WORKING: (Status.STARTING, Status.WORKING, Status.STOPPING),
    State.IDLE: (Status.IDLE,),
    State.ENDED: ENDED_STATUSES,
}


class Order(TextChoices):
    NEED = "", "What needs you first"
    NEWEST = "newest", "Newest event first"
    NAME = "name", "By name"


class Grouping(TextChoices):
    NONE = "", "No groups"
    WORKSPACE = "workspace", "By folder"
    OWNER = "owner", "By owner"


@dataclass(frozen=True, slots=True)
class HomeSelection:
    """Which agents, in which order and groups; of a URL's query, where a value that makes no sense is none."""

    q: str = ""
    state: str = ""
    order: str = ""
    group: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        state, order = query.get("state", ""), query.get("order", "")
        group = query.get("group", "")
        return cls(
            q=query.get("q", "").replace("\0", "").strip()[:MAX_QUERY_CHARACTERS],
            state=state if state in State.values else "",
            order=order if order in Order.values else "",
            group=group if group in Grouping.values else "",
        )

    @property
    def encoded(self) -> str:
        """As a URL's query."""
        fields = {"q": self.q, "state": self.state, "order": self.order, "group": self.group}
        return urlencode({name: value for name, value in fields.items() if value})

    @property
    def is_narrowed(self) -> bool:
        return bool(self.q or self.state)

    def agents(self, user: User) -> AgentQuerySet:
        found = Agent.objects.visible_to(user).select_related("owner")
        if self.state:
            found = found.filter(status__in=STATUSES[self.state])
        for word in self.q.split():
            found = found.filter(
                Q(name__icontains=word)
                | Q(workspace__icontains=word)
                | Q(model__icontains=word)
                | Q(activity__icontains=word)
                | Q(owner__username__icontains=word)
            )
        if self.order == Order.NAME:
            return found.order_by(Lower("name"), "pk")
        latest = F("last_event_at").desc(nulls_last=True)
        return found.order_by(latest, "-created_at") if self.order else found


Waiting = tuple[tuple[Agent, int], ...]


@dataclass(frozen=True, slots=True)
class AgentGroup:
    """Agents with one folder or owner, which `title` names; without groups, all of them."""

    title: str
    waiting: Waiting

    @property
    def agents(self) -> list[Agent]:
        return [agent for agent, _ in self.waiting]


@dataclass(frozen=True, slots=True)
class AgentRows:
    """At most MAX_ROWS agents, each with how much it waits for; `left_out` more fit the selection.

    `actable` are the ids of those that the viewer may act on.
    """

    viewer: User
    selection: HomeSelection
    waiting: Waiting
    left_out: int
    actable: frozenset[UUID] = frozenset()

    @property
    def agents(self) -> list[Agent]:
        return [agent for agent, _ in self.waiting]

    @property
    def groups(self) -> list[AgentGroup]:
        """In the order of their first agents, so that what comes first without groups still does."""
        found: dict[str, list[tuple[Agent, int]]] = {}
        for agent, count in self.waiting:
            found.setdefault(_title_of(agent, self.selection.group), []).append((agent, count))
        return [AgentGroup(title, tuple(waiting)) for title, waiting in found.items()]


@dataclass(frozen=True, slots=True)
class Asked:
    """What waits for the user's answer: the oldest MAX_ASKED requests, and how many there are."""

    approvals: tuple[ApprovalRequest, ...]
    count: int

    @property
    def left_out(self) -> int:
        return self.count - len(self.approvals)


def find_rows(user: User, selection: HomeSelection) -> AgentRows:
    """At most four queries."""
    found = selection.agents(user)
    rows = list(found[: MAX_ROWS + 1])
    left_out = found.count() - MAX_ROWS if len(rows) > MAX_ROWS else 0
    pending = ApprovalRequest.objects.pending().filter(agent__in=[row.pk for row in rows])
    counts = dict(pending.order_by().values_list("agent").annotate(Count("pk")))
    shown = rows[:MAX_ROWS]
    if not selection.order:
        shown.sort(key=lambda agent: agent.pk not in counts)
    waiting = tuple((agent, counts.get(agent.pk, 0)) for agent in shown)
    return AgentRows(user, selection, waiting, left_out, _actable(user, shown))


def _actable(user: User, agents: Sequence[Agent]) -> frozenset[UUID]:
    """One query, if others' agents are among them."""
    own = {agent.pk for agent in agents if agent.owner_id == user.pk}
    others = {agent.pk for agent in agents} - own
    shared = Agent.objects.actable_by(user).filter(pk__in=others).values_list("pk", flat=True)
    return frozenset(own.union(shared if others else ()))


def _title_of(agent: Agent, group: str) -> str:
    match group:
        case Grouping.WORKSPACE:
            return agent.workspace
        case Grouping.OWNER:
            return agent.owner.username
    return ""


def find_asked(user: User) -> Asked:
    """Of all agents that the user may answer. At most two queries."""
    pending = ApprovalRequest.objects.actable_by(user).pending().select_related("agent")
    found = tuple(pending.order_by("created_at", "pk")[: MAX_ASKED + 1])
    count = pending.count() if len(found) > MAX_ASKED else len(found)
    return Asked(found[:MAX_ASKED], count)
