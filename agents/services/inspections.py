"""Keep what the engine says of a session's container."""

from django.utils import timezone

from agents.models import AgentSession, ContainerInspection
from agents.security_card import Facts


def record_inspection(session: AgentSession, *, asked: Facts, found: Facts) -> None:
    """Keep the latest of a session: a start that is repeated inspects again. Quiet where it is gone."""
    if not AgentSession.objects.filter(pk=session.pk).exists():
        return
    ContainerInspection.objects.update_or_create(
        session=session,
        defaults={
            "agent_id": session.agent_id,
            "asked": asked,
            "found": found,
            "inspected_at": timezone.now(),
        },
    )
