from datetime import UTC, datetime
from decimal import Decimal

import pytest

from metrics_app.pricing import Tokens, normalise_model, price

AT = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
OPUS = "claude-opus-5-5"
CHECK = Tokens(input=1200, cache_write_5m=200, cache_write_1h=100, cache_read=5000, output=77)
CHECK_COST = Decimal("0.00914")


def cost_of(*parts, model=OPUS, at=AT, **fields):
    return price(parts, model, at, **fields).cost_usd


def test_it_gives_the_cost_that_the_cli_reports():
    priced = price([CHECK], OPUS, AT)
    assert priced.cost_usd == CHECK_COST
    assert isinstance(priced.cost_usd, Decimal)
    assert not priced.is_estimated
    assert not priced.is_unpriced
    assert priced.price_version.startswith("genai-prices ")


def test_no_tokens_cost_nothing():
    assert cost_of(Tokens()) == 0


def test_a_model_without_a_price_costs_none_and_never_zero():
    priced = price([CHECK], "claude-nobody-9", AT)
    assert priced.cost_usd is None
    assert priced.is_unpriced


@pytest.mark.parametrize(
    "model", ["", "   ", "<synthetic>", "gpt-5", "x" * 5000, "[1m]", "/", "\0"]
)
def test_a_strange_model_is_unpriced(model):
    assert price([CHECK], model, AT).is_unpriced


@pytest.mark.parametrize(
    "model",
    [
        "claude-opus-5-5[1m]",
        "anthropic/claude-opus-5-5",
        "openrouter/anthropic/claude-opus-5-5",
        "anthropic.claude-opus-5-5",
        "us.anthropic.claude-opus-5-5-20261101-v1:0",
        "claude-opus-5-5@20261101",
        " Claude-Opus-5-5 ",
    ],
)
def test_providers_spellings_have_the_models_price(model):
    assert cost_of(CHECK, model=model) == CHECK_COST


def test_a_model_that_only_begins_like_a_known_one_is_unpriced():
    assert price([CHECK], "claude-opus-5-5-mega", AT).is_unpriced


def test_normalising_leaves_a_bare_name_alone():
    assert normalise_model("claude-v1") == "claude-v1"


def test_us_inference_costs_a_tenth_more_and_says_so():
    priced = price([CHECK], OPUS, AT, inference_geo="us")
    assert priced.cost_usd == Decimal("0.010054")
    assert "US inference x1.1" in priced.price_version


def test_us_inference_leaves_web_searches_alone():
    part = Tokens(input=1_000_000, web_searches=5)
    assert cost_of(part) == Decimal("4.05")
    assert cost_of(part, inference_geo="us") == Decimal("4.45")


def test_fast_mode_costs_its_own_price():
    assert cost_of(CHECK, speed="fast") == 2 * CHECK_COST


def test_standard_speed_costs_the_standard_price():
    assert cost_of(CHECK, speed="standard") == CHECK_COST


def test_a_batch_costs_half():
    assert cost_of(CHECK, is_batch=True) == CHECK_COST / 2


def test_fast_mode_that_has_no_price_is_estimated():
    assert price([CHECK], "claude-sonnet-5-5", AT, speed="fast").is_estimated


def test_web_searches_that_have_no_price_are_estimated():
    assert price([Tokens(input=10, web_searches=1)], "claude-3-haiku", AT).is_estimated


def test_price_tiers_go_by_the_size_of_one_request():
    small = Tokens(input=60_000)
    model = "claude-haiku-5-5"
    assert cost_of(small, small, model=model) == 2 * cost_of(small, model=model)
    assert cost_of(Tokens(input=120_000), model=model) > 2 * cost_of(small, model=model)
