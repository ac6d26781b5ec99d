from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from agents.models import Agent, ContainerInspection, SessionEvent
from agents.security_card import make_lines, mounts_of
from agents.templatetags.security import security_summary
from agents.views.answers import Request, get_agent, signed_in


@require_safe
@signed_in
def agent_security(request: Request, agent_id: UUID) -> HttpResponse:
    """How the agent's latest container is held, and what it tried to reach; the summary to htmx."""
    agent = get_agent(request, agent_id)
    if request.htmx:
        return render(request, "agents/_security.html", security_summary(agent))
    context: dict[str, object] = {"agent": agent}
    inspection = ContainerInspection.objects.filter(agent=agent).select_related("session").first()
    if inspection is not None:
        lines = make_lines(inspection.asked, inspection.found)
        context |= {
            "inspection": inspection,
            "lines": lines,
            "deviations": [line for line in lines if not line.is_ok],
            "mounts": mounts_of(inspection.found),
            "cli_version": _cli_version(agent),
        }
    return render(request, "agents/agent_security.html", context)


def _cli_version(agent: Agent) -> str:
    """The version that the CLI gave at the beginning of its latest turn; "" before its first."""
    begun = SessionEvent.objects.filter(agent=agent, kind="system", payload__subtype="init")
    latest = begun.order_by("-seq").first()
    version = latest.payload.get("claude_code_version") if latest else None
    return version[:40] if isinstance(version, str) else ""
