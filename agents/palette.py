"""What the palette finds for a user: the agent at hand, agents, pages, folders to launch in."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db.models import F, Q
from django.urls import reverse
from django.utils.http import urlencode

from agents.models import Agent, Status, WorkspaceRoot
from agents.places import places_for

MAX_AGENTS = 8
MAX_PLACES = 8
MAX_ROOTS = 5
MAX_WORDS = 6


@dataclass(frozen=True)
class Item:
    """A page to open, or, with `is_action`, something to do by POST."""

    title: str
    href: str
    hint: str = ""
    status: str = ""
    is_action: bool = False


@dataclass(frozen=True)
class Group:
    title: str
    items: list[Item] = field(default_factory=list)


def find(user: User, query: str, agent: Agent | None = None) -> list[Group]:
    """Groups that found something. `agent` is the one whose page is open. Two queries."""
    words = query.lower().split()[:MAX_WORDS]
    groups = [
        Group("This agent", list(_actions(agent, words)) if agent else []),
        Group("Agents", list(_agents(user, words))),
        Group("Pages", list(_places(user, words))[:MAX_PLACES]),
        Group("Launch in", list(_roots(user, words)) if words else []),
    ]
    return [group for group in groups if group.items]


def _has_all(text: str, words: list[str]) -> bool:
    return all(word in text.lower() for word in words)


def _actions(agent: Agent, words: list[str]) -> Iterator[Item]:
    for item in _actions_of(agent):
        if _has_all(f"{item.title} this agent", words):
            yield item


def _actions_of(agent: Agent) -> Iterator[Item]:
    def post(title: str, url_name: str) -> Item:
        return Item(title, reverse(url_name, args=[agent.pk]), is_action=True)

    def page(title: str, url_name: str, *args: str) -> Item:
        return Item(title, reverse(url_name, args=[agent.pk, *args]))

    if agent.status in (Status.WORKING, Status.NEEDS_YOU):
        yield post("Interrupt", "agent_interrupt")
    if agent.is_live:
        yield post("Stop", "agent_stop")
    elif agent.is_ended:
        yield post("Resume" if agent.has_conversation else "Start", "agent_resume")
    yield page("Open its transcript", "agent_detail")
    yield page("Security: container and egress", "agent_security")
    yield page("Save the conversation as Markdown", "agent_export", "md")
    yield page("Save the conversation as JSON Lines", "agent_export", "jsonl")
    yield page("Delete…", "agent_delete")


def _agents(user: User, words: list[str]) -> Iterator[Item]:
    found = Agent.objects.visible_to(user)
    for word in words:
        found = found.filter(Q(name__icontains=word) | Q(workspace__icontains=word))
    latest = F("last_event_at").desc(nulls_last=True)
    for agent in found.order_by(latest, "-created_at")[:MAX_AGENTS]:
        yield Item(
            agent.name, agent.get_absolute_url(), agent.workspace, status=Status(agent.status).label
        )


def _places(user: User, words: list[str]) -> Iterator[Item]:
    for place in places_for(user):
        if _has_all(f"{place.title} {place.words}", words):
            yield Item(place.title, place.href)


def _roots(user: User, words: list[str]) -> Iterator[Item]:
    found = WorkspaceRoot.objects.visible_to(user)
    for word in words:
        found = found.filter(path__icontains=word)
    for root in found[:MAX_ROOTS]:
        href = f"{reverse('agent_launch')}?{urlencode({'path': root.path})}"
        yield Item(root.path, href)
