"""Prices that budgets go by until, or where, the ledger has none."""

from datetime import datetime
from decimal import Decimal
from functools import cached_property

from agents.site_settings import current
from metrics_app.models import DailyTotal
from metrics_app.overrides import load_overrides
from metrics_app.price_list import PRICED_KINDS, Rates, find_rates
from metrics_app.pricing import COST_STEP_USD, Tokens
from metrics_app.ranges import DayRange

MILLION = 1_000_000


def read_rates(now: datetime) -> dict[str, Rates]:
    """Of the site's models, and those that answered this month; without those nobody knows."""
    month = DayRange.of_month(now.date())
    seen = DailyTotal.objects.of_everyone().filter(day__gte=month.first, is_answered=True)
    models = {*current("CAM_MODELS"), *seen.values_list("model", flat=True).distinct()}
    overrides = load_overrides()
    found = {model: find_rates(model, now, overrides) for model in sorted(models)}
    return {model: rates for model, rates in found.items() if rates}


class DearestPrices:
    """What unpriced calls count for: the dearest known price of each kind, as nobody knows better.

    Else an agent could spend without end by asking for a model that has no price yet. Read at the
    first such call, once.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now

    def cost_of(self, tokens: Tokens) -> Decimal:
        cost = sum(getattr(tokens, kind) * price for kind, price in self._prices.items())
        return (Decimal(cost) / MILLION).quantize(COST_STEP_USD)

    @cached_property
    def _prices(self) -> dict[str, Decimal]:
        known = read_rates(self._now).values()
        return {
            kind: max((getattr(rates, kind) for rates in known), default=Decimal(0))
            for kind in PRICED_KINDS
        }
