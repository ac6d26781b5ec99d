"""Cost on other apps' pages, without imports from them: `{% load usage %}`."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from uuid import UUID

from django import template

from agents.models import Agent
from metrics_app.models import DailyUsage
from metrics_app.querysets import UsageTotals

register = template.Library()

NO_CALLS = "no calls yet"


@register.filter
def usd(value: Decimal) -> str:
    """`$12.50`; four decimals below ten dollars, two digits of what is tiny: `$0.000012`."""
    if value >= 10 or value == 0:
        return f"${value:,.2f}"
    return (
        f"${value:.4f}"
        if value >= Decimal("0.0001")
        else f"${round(value, 1 - value.adjusted()):f}"
    )


@register.filter
def exact_usd(value: Decimal) -> str:
    """All digits that count: `0.00914`."""
    return f"{value.normalize():f}"


@register.filter
def cost_text(totals: UsageTotals) -> str:
    """`$12.50`, `$12.50 + 3 unpriced`, or `unpriced`, never 0 for what is not known."""
    if totals.is_unknown:
        return "unpriced"
    return usd(totals.cost_usd) + (f" + {totals.unpriced} unpriced" if totals.unpriced else "")


@register.filter
def compact(count: int) -> str:
    """`950`, `1.2k`, `3.4M`."""
    if count < 1000:
        return str(count)
    value = Decimal(count)
    for suffix in "kMG":
        value /= 1000
        if round(value, 1) < 1000:
            return f"{value:.1f}{suffix}"
    return f"{value / 1000:,.1f}T"


@register.filter
def grouped(count: int) -> str:
    """`1,234,567`."""
    return f"{count:,}"


@register.inclusion_tag("metrics_app/_agent_cost.html")
def agent_cost(agent: Agent, *, oob: bool = False) -> dict[str, object]:
    """What an agent has cost so far, as `#agent-cost`. One query.

    With `oob=True` it replaces the one on the page when sent in a WebSocket frame.
    """
    return {"totals": DailyUsage.objects.of_agents([agent.pk]).totals(), "oob": oob}


@register.simple_tag
def costs_of(agents: Iterable[Agent]) -> dict[UUID, UsageTotals]:
    """Costs of a whole list in one query: `{% costs_of agents as costs %}`."""
    return DailyUsage.objects.of_agents(agent.pk for agent in agents).totals_by_agent()


@register.simple_tag
def agent_cost_value(agent_id: UUID, costs: Mapping[UUID, UsageTotals]) -> str:
    """An agent's cost out of `costs_of`, as text."""
    totals = costs.get(agent_id)
    return NO_CALLS if totals is None or not totals.calls else cost_text(totals)


@register.simple_tag
def cost_of_all(agents: Iterable[Agent], costs: Mapping[UUID, UsageTotals]) -> str:
    """What agents cost together, out of `costs_of`, as text."""
    totals = sum((costs[agent.pk] for agent in agents if agent.pk in costs), UsageTotals())
    return cost_text(totals) if totals.calls else NO_CALLS
