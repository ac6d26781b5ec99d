"""Rates and times as people read them; `n/a` where there is nothing to tell: `{% load indicators %}`."""

from decimal import Decimal

from django import template

from metrics_app.templatetags.usage import usd

register = template.Library()

NOTHING = "n/a"


@register.filter
def percent(rate: float | None) -> str:
    """`98.7%`; what is above nothing is never shown as nothing: `<0.1%`."""
    if rate is None:
        return NOTHING
    return "<0.1%" if 0 < rate < 0.001 else f"{rate:.1%}"


@register.filter
def milliseconds(value: float | None) -> str:
    """`12 ms`, `1.25 s`."""
    if value is None:
        return NOTHING
    return f"{value:.0f} ms" if value < 999.5 else f"{value / 1000:,.2f} s"


@register.filter
def signed_usd(value: Decimal | None) -> str:
    """`-$0.5000`"""
    if value is None:
        return NOTHING
    return f"-{usd(-value)}" if value < 0 else usd(value)
