"""How an agent's container is held, on its page: `{% load security %}`."""

from django import template

from agents.models import Agent, ContainerInspection
from agents.security_card import make_lines

register = template.Library()


@register.inclusion_tag("agents/_security.html")
def security_summary(agent: Agent) -> dict[str, object]:
    """Whether the agent's latest container is as it was asked for. One query."""
    inspection = ContainerInspection.objects.filter(agent=agent).first()
    lines = make_lines(inspection.asked, inspection.found) if inspection else []
    deviations = [line for line in lines if not line.is_ok]
    return {"agent": agent, "inspection": inspection, "deviations": deviations}
