"""Budgets on the pages of costs: `{% load budgets %}`."""

from django import template
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from metrics_app.budgets.alerts import read_notices
from metrics_app.budgets.amounts import format_usd
from metrics_app.budgets.standing import read_standings
from metrics_app.models import Budget

register = template.Library()

MAX_BARS = 6

register.filter("dollars", format_usd)


@register.inclusion_tag("metrics_app/_budget_bars.html")
def budget_bars(user: User | AnonymousUser) -> dict[str, object]:
    """The budgets that a user sees in short, the most used first."""
    budgets = list(Budget.objects.visible_to(user).active().select_related("user"))
    standings = read_standings(budgets, timezone.now())
    standings.sort(key=lambda standing: standing.used_percent, reverse=True)
    return {"standings": standings[:MAX_BARS], "more": len(standings[MAX_BARS:])}


@register.inclusion_tag("metrics_app/_budget_notices.html")
def budget_notices(user: User | AnonymousUser) -> dict[str, object]:
    """What a user should know of the budgets that concern him. One query while there is nothing."""
    return {"standings": read_notices(user, timezone.now())}
