"""Who has an agent's page open. Sockets say so again and again, and who falls silent is gone."""

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User

from agents.models import Agent, AgentViewer

# Sockets come by every 15 seconds.
STAYS = timedelta(seconds=25)
MAX_NAMED = 20


def note_viewer(agent_id: UUID, user: User, now: datetime) -> None:
    AgentViewer.objects.update_or_create(agent_id=agent_id, user=user, defaults={"seen_at": now})


def forget_viewer(agent_id: UUID, user: User) -> None:
    """One with another page of the agent open is back within seconds."""
    AgentViewer.objects.filter(agent=agent_id, user=user).delete()


def names_of_viewers(agent: Agent, now: datetime) -> list[str]:
    """At most MAX_NAMED, by name. One query."""
    present = AgentViewer.objects.filter(agent=agent, seen_at__gt=now - STAYS)
    names = present.order_by("user__username").values_list("user__username", flat=True)
    return list(names[:MAX_NAMED])


def forget_gone(now: datetime) -> None:
    AgentViewer.objects.filter(seen_at__lt=now - STAYS).delete()
