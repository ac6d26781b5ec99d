"""Keep who did what, for the audit trail."""

from django.contrib.auth.models import User

from agents.models import Act, Agent, AuditRecord

MAX_DETAIL_CHARACTERS = 2_000


def record_act(user: User | None, act: Act, agent: Agent | None, detail: str = "") -> None:
    """Nothing is kept where nobody did it, such as a prompt's resuming of its agent."""
    if user is not None:
        AuditRecord.objects.create(
            user=user, agent=agent, act=act, detail=detail[:MAX_DETAIL_CHARACTERS]
        )
