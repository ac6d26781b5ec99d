"""Prices that budgets go by until, or where, the ledger has none."""

from datetime import datetime
from decimal import Decimal

from django.conf import settings

from metrics_app.models import DailyUsage
from metrics_app.overrides import load_overrides
from metrics_app.price_list import Rates, find_rates
from metrics_app.pricing import Tokens
from metrics_app.ranges import DayRange

MILLION = 1_000_000
KINDS = ("input", "cache_write_5m", "cache_write_1h", "cache_read", "output")


def read_rates(now: datetime) -> dict[str, Rates]:
    """Of the site's models, and those that answered this month; without those nobody knows."""
    month = DayRange.of_month(now.date())
    seen = DailyUsage.objects.filter(day__gte=month.first, is_answered=True)
    models = {*settings.CAM_MODELS, *seen.values_list("model", flat=True).distinct()}
    overrides = load_overrides()
    found = {model: find_rates(model, now, overrides) for model in sorted(models)}
    return {model: rates for model, rates in found.items() if rates}


def assume_cost(tokens: Tokens, now: datetime) -> Decimal:
    """What unpriced tokens count for: the dearest known price of each kind, as nobody knows better.

    Else an agent could spend without end by asking for a model that has no price yet.
    """
    known = read_rates(now).values()
    dearest = {kind: max((getattr(rates, kind) for rates in known), default=0) for kind in KINDS}
    cost = sum(getattr(tokens, kind) * Decimal(dearest[kind]) for kind in KINDS)
    return Decimal(cost) / MILLION
