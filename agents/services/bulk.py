"""What is done to several agents at once; each is a transition of its own."""

from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.auth.models import User

from agents.errors import NotRunning
from agents.models import Agent
from agents.services.life import stop_agent


@dataclass
class StopReport:
    """What became of each agent; of those in `missing` nothing is told, not even a name."""

    stopped: list[Agent] = field(default_factory=list)
    not_running: list[Agent] = field(default_factory=list)
    only_to_look_at: list[Agent] = field(default_factory=list)
    missing: int = 0


def find_chosen(ids: Collection[UUID], *, user: User) -> list[Agent]:
    """Those of the agents that the user sees."""
    return list(Agent.objects.visible_to(user).filter(pk__in=ids))


def stop_agents(ids: Collection[UUID], *, user: User) -> StopReport:
    """Stop those that the user may act on, and say what became of each."""
    chosen = find_chosen(ids, user=user)
    actable = Agent.objects.actable_by(user).filter(pk__in=ids)
    may_stop = set(actable.values_list("pk", flat=True))
    report = StopReport(missing=len(set(ids)) - len(chosen))
    for agent in chosen:
        if agent.pk not in may_stop:
            report.only_to_look_at.append(agent)
            continue
        try:
            stop_agent(agent, by=user)
        except NotRunning:
            report.not_running.append(agent)
        else:
            report.stopped.append(agent)
    return report
