from decimal import Decimal

import pytest

from metrics_app.indicators import (
    cache_hit_rate,
    cache_savings,
    percentile,
    share,
    total_cache_savings,
)
from metrics_app.price_list import Rates
from metrics_app.pricing import Tokens
from metrics_app.templatetags.indicators import milliseconds, percent, signed_usd

OPUS = Rates(
    input=Decimal(4),
    output=Decimal(20),
    cache_write_5m=Decimal(5),
    cache_write_1h=Decimal(8),
    cache_read=Decimal("0.2"),
    source="test",
    version="1",
)
MILLION = 1_000_000


def test_hit_rate_is_the_part_of_all_input():
    tokens = Tokens(input=100, cache_write_5m=50, cache_write_1h=50, cache_read=800, output=9000)
    assert cache_hit_rate(tokens) == 0.8


def test_without_input_there_is_no_hit_rate():
    assert cache_hit_rate(Tokens(output=5)) is None


@pytest.mark.parametrize(
    ("tokens", "saved"),
    [
        (Tokens(cache_read=MILLION), "3.8"),
        (Tokens(cache_write_5m=MILLION), "-1"),
        (Tokens(cache_write_1h=MILLION), "-4"),
        (Tokens(input=MILLION, output=MILLION), "0"),
        (Tokens(cache_read=5000, cache_write_5m=200, cache_write_1h=100), "0.0184"),
    ],
)
def test_savings_are_reads_less_the_surcharge_of_writes(tokens, saved):
    assert cache_savings(tokens, OPUS) == Decimal(saved)


def test_savings_add_up_over_models_and_tell_of_those_without_price():
    used = [(Tokens(cache_read=MILLION), OPUS), (Tokens(cache_read=1), None)]
    assert total_cache_savings(used) == (Decimal("3.8"), True)
    assert total_cache_savings(used[:1]) == (Decimal("3.8"), False)


def test_a_model_that_used_no_cache_needs_no_price():
    used = [(Tokens(cache_read=MILLION), OPUS), (Tokens(input=7), None)]
    assert total_cache_savings(used) == (Decimal("3.8"), False)


@pytest.mark.parametrize("used", [[], [(Tokens(input=5), OPUS)]])
def test_without_a_cache_there_are_no_savings(used):
    assert total_cache_savings(used) == (None, False)


def test_a_share_of_nothing_is_none():
    assert share(1, 4) == 0.25
    assert share(0, 0) is None


@pytest.mark.parametrize(
    ("values", "percent", "value"),
    [
        ([], 50, None),
        ([7.0], 50, 7),
        ([7.0], 95, 7),
        ([3, 1, 2, 4], 50, 2),
        (range(1, 101), 50, 50),
        (range(1, 101), 95, 95),
        (range(1, 11), 95, 10),
        ([1, 2], 0, 1),
        ([1, 2], 100, 2),
    ],
)
def test_percentiles_are_values_that_occurred(values, percent, value):
    assert percentile(values, percent) == value


@pytest.mark.parametrize(
    ("rate", "text"),
    [(None, "n/a"), (0.0, "0.0%"), (0.0004, "<0.1%"), (0.9871, "98.7%"), (1.0, "100.0%")],
)
def test_percent(rate, text):
    assert percent(rate) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "n/a"), (0.0, "0 ms"), (999.4, "999 ms"), (1250.0, "1.25 s")]
)
def test_milliseconds(value, text):
    assert milliseconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "n/a"), ("-0.5", "-$0.5000"), ("12", "$12.00"), ("0", "$0.00")]
)
def test_signed_usd(value, text):
    assert signed_usd(None if value is None else Decimal(value)) == text
