"""What an agent reached, on other apps' pages: `{% load egress %}`."""

from django import template

from agents.models import Agent
from metrics_app.models import EgressHost

register = template.Library()


@register.inclusion_tag("metrics_app/_egress.html")
def egress_log(agent: Agent) -> dict[str, object]:
    """The agent's hosts, latest first, as `#egress`, which looks for news itself. One query."""
    hosts = list(EgressHost.objects.filter(agent=agent))
    version = sum(
        row.attempts + row.failures + row.bytes_sent + row.bytes_received for row in hosts
    )
    return {"agent": agent, "hosts": hosts, "version": str(version)}
