from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from agents.views.answers import Request, signed_in
from metrics_app.model_prices import list_overrides, read_prices
from metrics_app.pricing import PRICE_VERSION, US_INFERENCE_FACTOR


@require_safe
@signed_in
def metrics_prices(request: Request) -> HttpResponse:
    """What models cost now, why, and which calls have no price; of one's own calls, staff of all."""
    now = timezone.now()
    prices = read_prices(request.user, now)
    context = {
        "now": now,
        "prices": prices,
        "overrides": list_overrides(prices, now),
        "unpriced": [price for price in prices if price.unpriced],
        "price_version": PRICE_VERSION,
        "us_factor": US_INFERENCE_FACTOR,
    }
    return render(request, "metrics_app/metrics_prices.html", context)
