from datetime import UTC, datetime
from decimal import Decimal

import pytest

from metrics_app.pricing import MAX_COUNT, Tokens, normalise_model, price, read_usage

AT = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
OPUS = "claude-opus-5-5"
CHECK = Tokens(input=1200, cache_write_5m=200, cache_write_1h=100, cache_read=5000, output=77)
CHECK_COST = Decimal("0.00914")


def cost_of(*parts, model=OPUS, at=AT, **fields):
    return price(parts, model, at, **fields).cost_usd


def read(**raw):
    return read_usage(raw).tokens


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


def test_cache_writes_follow_the_split():
    tokens = read(
        cache_creation_input_tokens=300,
        cache_creation={"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
    )
    assert (tokens.cache_write_5m, tokens.cache_write_1h) == (200, 100)


def test_what_the_split_leaves_out_is_written_for_five_minutes():
    tokens = read(
        cache_creation_input_tokens=1000,
        cache_creation={"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
    )
    assert (tokens.cache_write_5m, tokens.cache_write_1h) == (900, 100)


@pytest.mark.parametrize(("split_5m", "split_1h"), [(200, 200), (0, 900), (900, 0)])
def test_a_split_above_the_total_is_cut_to_it(split_5m, split_1h):
    tokens = read(
        cache_creation_input_tokens=300,
        cache_creation={
            "ephemeral_5m_input_tokens": split_5m,
            "ephemeral_1h_input_tokens": split_1h,
        },
    )
    assert tokens.cache_write == 300
    assert tokens.cache_write_1h == min(split_1h, 300)
    assert cost_of(tokens) is not None


def test_a_split_without_a_total_counts():
    assert read(cache_creation={"ephemeral_1h_input_tokens": 7}).cache_write_1h == 7


def test_compactions_are_added_and_other_iterations_are_not():
    reading = read_usage(
        {
            "input_tokens": 10,
            "output_tokens": 5,
            "iterations": [
                {"type": "compaction", "input_tokens": 1000, "output_tokens": 50},
                {"type": "message", "input_tokens": 10, "output_tokens": 5},
            ],
        }
    )
    assert reading.parts == (Tokens(input=10, output=5), Tokens(input=1000, output=50))
    assert reading.tokens == Tokens(input=1010, output=55)


def test_thinking_is_part_of_the_output():
    tokens = read(output_tokens=50, output_tokens_details={"thinking_tokens": 30})
    assert (tokens.output, tokens.thinking) == (50, 30)
    assert cost_of(tokens) == cost_of(Tokens(output=50))


def test_web_searches_are_read():
    assert read(server_tool_use={"web_search_requests": 3}).web_searches == 3


def test_missing_and_null_counts_are_zero_without_complaint():
    reading = read_usage({"input_tokens": None, "cache_creation": None, "server_tool_use": None})
    assert reading.tokens == Tokens()
    assert not reading.clamped
    assert not reading.refused


def test_a_negative_count_is_taken_as_zero_and_named():
    reading = read_usage({"input_tokens": -5, "output_tokens": 7})
    assert reading.tokens == Tokens(output=7)
    assert reading.clamped == ("input_tokens",)


@pytest.mark.parametrize("value", ["12", 1.5, True, [], {}, MAX_COUNT + 1, 10**400])
def test_a_count_that_means_nothing_is_refused_and_named(value):
    reading = read_usage({"input_tokens": value})
    assert reading.tokens == Tokens()
    assert reading.refused == ("input_tokens",)


@pytest.mark.parametrize("value", ["x", 5, [1], [None], {"type": "compaction"}])
def test_shapes_that_nobody_promised_harm_nothing(value):
    reading = read_usage(
        {"cache_creation": value, "iterations": value, "output_tokens_details": value}
    )
    assert reading.tokens == Tokens()
