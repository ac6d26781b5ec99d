from datetime import UTC, datetime
from decimal import Decimal

import pytest

from metrics_app.price_list import find_rates
from metrics_app.pricing import Tokens, price

AT = datetime(2026, 11, 23, tzinfo=UTC)
KINDS = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")


def test_rates_are_those_of_the_list():
    rates = find_rates("claude-opus-5-5", AT)
    assert [getattr(rates, kind) for kind in KINDS] == [4, 20, 5, 8, Decimal("0.2")]
    assert rates.source == "genai-prices"
    assert rates.version[0].isdigit()


@pytest.mark.parametrize("kind", KINDS)
def test_a_rate_prices_a_call_as_the_ledger_does(kind):
    cost = price([Tokens(**{kind: 7000})], "claude-haiku-4-5", AT).cost_usd
    assert getattr(find_rates("claude-haiku-4-5", AT), kind) * 7000 / 1_000_000 == cost


@pytest.mark.parametrize("model", ["", "claude-nobody-9", "\0", "x" * 300])
def test_an_unknown_model_has_no_rates(model):
    assert find_rates(model, AT) is None
