"""A site's own prices go before the price list."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from metrics_app.ingest import ingest_spool
from metrics_app.models import PriceOverride, UsageRecord
from metrics_app.overrides import load_overrides
from metrics_app.pricing import Override, Tokens, find_override, matches, price

AT = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
OPUS = "claude-opus-5-5"
CHECK = Tokens(input=1200, cache_write_5m=200, cache_write_1h=100, cache_read=5000, output=77)
PRICES = {"input": 3, "output": 11, "cache_write_5m": 5, "cache_write_1h": 7, "cache_read": 1}
# 1200 x 3 + 77 x 11 + 200 x 5 + 100 x 7 + 5000 x 1, a millionth of it
CHECK_COST = Decimal("0.011147")


def make(pattern=OPUS, starts_at=AT, pk=1, **fields):
    prices = {name: Decimal(value) for name, value in PRICES.items()}
    return Override(pk, pattern, starts_at, **(prices | fields))


def price_with(*overrides, parts=(CHECK,), model=OPUS, at=AT, **fields):
    return price(parts, model, at, overrides=overrides, **fields)


# Which one holds


@pytest.mark.parametrize(
    ("pattern", "model"),
    [
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("claude-opus-*", "claude-opus-5-5"),
        ("*", "anything at all"),
        ("*opus*", "claude-opus-5-5"),
        ("Claude-Opus-*", "CLAUDE-OPUS-5-5"),
        ("claude-opus-5-5", "us.anthropic.claude-opus-5-5-v1:0"),
        ("us.anthropic.*", "us.anthropic.claude-opus-5-5-v1:0"),
        ("claude-opus-5-5[1m]", "claude-opus-5-5[1m]"),
        ("claude-opus-5-5", "claude-opus-5-5[1m]"),
    ],
)
def test_a_pattern_fits_the_model_as_reported_or_its_bare_id(pattern, model):
    assert matches(pattern, model)


@pytest.mark.parametrize(
    ("pattern", "model"),
    [
        ("claude-opus-5", "claude-opus-5-5"),
        ("opus*", "claude-opus-5-5"),
        ("claude-opus-5-5[1m]", "claude-opus-5-5"),
        ("claude-opus-5-[5]", "claude-opus-5-5"),
        ("claude-opus-5.5", "claude-opus-5-5"),
        ("claude-opus-5-?", "claude-opus-5-5"),
        ("", "claude-opus-5-5"),
    ],
)
def test_only_stars_are_special(pattern, model):
    assert not matches(pattern, model)


def test_a_pattern_of_many_stars_is_quick():
    assert not matches("*a" * 50 + "b", "a" * 200)


def test_the_newest_start_that_is_not_after_the_call_wins():
    old, new = make(starts_at=AT - timedelta(days=9), pk=1), make(starts_at=AT, pk=2)
    future = make(starts_at=AT + timedelta(microseconds=1), pk=3)
    assert find_override([old, new, future], OPUS, AT) is new
    assert find_override([old, new, future], OPUS, AT - timedelta(seconds=1)) is old


def test_a_newer_start_wins_over_a_longer_pattern():
    longer = make(OPUS, AT - timedelta(days=1), 1)
    newer = make("*", AT, 2)
    assert find_override([longer, newer], OPUS, AT) is newer


def test_of_the_same_start_the_longest_pattern_wins_in_any_order():
    general, special = make("claude-*", pk=2), make("claude-opus-*", pk=1)
    assert find_override([general, special], OPUS, AT) is special
    assert find_override([special, general], OPUS, AT) is special


def test_none_holds_before_its_start_or_for_another_model():
    later = make(starts_at=AT + timedelta(days=1))
    assert find_override([later, make("claude-haiku-*")], OPUS, AT) is None


# What a call costs by it


def test_its_five_prices_make_the_cost():
    priced = price_with(make())
    assert priced.cost_usd == CHECK_COST
    assert priced.is_override
    assert not priced.is_estimated


@pytest.mark.parametrize("name", PRICES)
def test_each_price_is_that_of_its_tokens(name):
    tokens = Tokens(**{name: 1_000_000})
    assert price_with(make(), parts=[tokens]).cost_usd == PRICES[name]


def test_the_multiplier_is_applied_to_the_price():
    assert price_with(make(multiplier=Decimal("0.9"))).cost_usd == CHECK_COST * Decimal("0.9")


def test_parts_are_added():
    assert price_with(make(), parts=[CHECK, CHECK]).cost_usd == 2 * CHECK_COST


def test_the_price_version_names_it():
    version = price_with(make("claude-opus-*", pk=7)).price_version
    assert version == "override 7: claude-opus-* since 2026-11-23"


def test_the_price_version_fits_its_column():
    override = make("*" * 100, pk=2**63 - 1)
    assert len(price_with(override, inference_geo="us").price_version) <= 100


def test_it_prices_a_model_that_the_list_does_not_know():
    priced = price_with(make("claude-mythos-*"), model="claude-mythos-9")
    assert priced.cost_usd == CHECK_COST
    assert not priced.is_unpriced


def test_what_no_override_fits_is_priced_by_the_list():
    priced = price_with(make("claude-haiku-*"))
    assert priced == price([CHECK], OPUS, AT)
    assert not priced.is_override


def test_us_inference_costs_a_tenth_more_here_too():
    priced = price_with(make(), inference_geo="us")
    assert priced.cost_usd == CHECK_COST * Decimal("1.1")
    assert priced.price_version.endswith("US inference x1.1")


@pytest.mark.parametrize("fields", [{"speed": "fast"}, {"is_batch": True}])
def test_fast_mode_and_batches_are_estimates_as_it_has_no_price_for_them(fields):
    priced = price_with(make(), **fields)
    assert (priced.cost_usd, priced.is_estimated) == (CHECK_COST, True)


def test_web_searches_cost_what_the_list_says_whatever_the_multiplier():
    searched = Tokens(web_searches=5)
    priced = price_with(make(multiplier=Decimal(2)), parts=[searched])
    assert (priced.cost_usd, priced.is_estimated) == (Decimal("0.05"), False)


def test_web_searches_of_a_model_that_the_list_does_not_know_are_estimated():
    priced = price_with(make("*"), parts=[Tokens(input=10, web_searches=1)], model="nobody-9")
    assert (priced.cost_usd, priced.is_estimated) == (Decimal("0.00003"), True)


def test_a_free_model_costs_zero_and_is_priced():
    free = make(**dict.fromkeys(PRICES, Decimal(0)))
    priced = price_with(free)
    assert (priced.cost_usd, priced.is_unpriced) == (0, False)


def test_random_calls_cost_their_exact_sum():
    dice = random.Random(20261123)
    for _ in range(300):
        counts = {name: dice.randrange(10**7) for name in PRICES}
        prices = {name: Decimal(dice.randrange(10**9)) / 10**6 for name in PRICES}
        exact = sum(counts[name] * prices[name] for name in PRICES) / 10**6
        cost = price_with(make(**prices), parts=[Tokens(**counts)]).cost_usd
        assert abs(cost - exact) <= Decimal("5e-11")


# The rows


@pytest.fixture
def make_row(db):
    def make(**fields):
        prices = {f"{name}_price": Decimal(value) for name, value in PRICES.items()}
        return PriceOverride(**({"pattern": OPUS, "starts_at": AT} | prices | fields))

    return make


def test_a_row_becomes_what_the_pricing_takes(make_row, django_assert_num_queries):
    row = make_row(multiplier=Decimal("0.85"))
    row.save()
    with django_assert_num_queries(1):
        assert load_overrides() == [make(pk=row.pk, multiplier=Decimal("0.85"))]


def test_a_new_call_is_priced_by_it(make_row, agent, make_line, spool):
    make_row(starts_at=AT - timedelta(days=1)).save()
    spool(make_line(agent.pk), make_line(agent.pk, model="claude-haiku-4-5"))
    ingest_spool()
    mine, listed = UsageRecord.objects.order_by("pk")
    assert (mine.cost_usd, mine.is_override) == (CHECK_COST, True)
    assert mine.price_version.startswith("override ")
    assert (listed.is_override, listed.price_version[:11]) == (False, "genai-price")


def test_a_pattern_is_stored_in_small_letters(make_row):
    row = make_row(pattern="  Claude-OPUS-*  ")
    row.clean()
    assert row.pattern == "claude-opus-*"


@pytest.mark.parametrize(
    "fields",
    [
        {"pattern": ""},
        {"pattern": "claude opus"},
        {"pattern": "claude-opus-?"},
        {"pattern": "claude\n"},
        {"pattern": "x" * 101},
        {"starts_at": None},
        {"input_price": Decimal(-1)},
        {"output_price": Decimal("10000.1")},
        {"cache_read_price": None},
        {"cache_read_price": "dear"},
        {"cache_write_5m_price": Decimal("NaN")},
        {"cache_write_1h_price": Decimal("Infinity")},
        {"input_price": Decimal("0.0000001")},
        {"multiplier": Decimal(0)},
        {"multiplier": Decimal(-1)},
        {"multiplier": Decimal(101)},
        {"note": "x" * 501},
    ],
)
def test_bad_input_is_refused(make_row, fields):
    with pytest.raises(ValidationError) as caught:
        make_row(**fields).full_clean()
    assert set(fields) <= set(caught.value.message_dict)


def test_the_same_start_twice_is_refused(make_row):
    make_row().save()
    with pytest.raises(ValidationError):
        make_row().full_clean()


@pytest.mark.parametrize("fields", [{"input_price": Decimal(-1)}, {"multiplier": Decimal(0)}])
def test_the_database_refuses_what_pays_money_back(make_row, fields):
    with pytest.raises(IntegrityError):
        make_row(**fields).save()
