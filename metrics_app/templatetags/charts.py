"""Numbers of charts: `{% load charts %}`."""

from decimal import Decimal

from django import template

from metrics_app.charts import Measure, Number
from metrics_app.templatetags.indicators import milliseconds, percent, signed_usd
from metrics_app.templatetags.usage import compact, exact_usd

register = template.Library()


@register.filter
def measured(value: Number, measure: Measure) -> str:
    """As people read it."""
    match measure:
        case Measure.USD:
            return signed_usd(Decimal(value))
        case Measure.TOKENS:
            return compact(int(value))
        case Measure.SHARE:
            return percent(float(value))
        case Measure.MILLISECONDS:
            return milliseconds(float(value))


@register.filter
def plain(value: Number) -> str:
    """As the chart script reads it."""
    return exact_usd(value) if isinstance(value, Decimal) else str(value)


@register.filter
def changed_by(change: float | None) -> str:
    """`+12%`, `-3%`; `n/a` where there is nothing to compare with."""
    if change is None:
        return "n/a"
    return "over +999%" if change > 9.99 else f"{change:+.0%}"
