from decimal import Decimal

import pytest

from metrics_app.budgets.amounts import format_usd, parse_usd


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", "12"),
        (" 12.50 ", "12.5"),
        ("$12.5", "12.5"),
        ("$ 7", "7"),
        ("0.0001", "0.0001"),
        ("1.00000000", "1"),
        ("0000000000012", "12"),
        ("99999999.9999", "99999999.9999"),
    ],
)
def test_amounts_are_read(text, value):
    assert parse_usd(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "x", "NaN", "Infinity", "-Infinity", "1e5", "1E-2", "0x10", "1_000"),
        *("-1", "+1", "--1", ".5", "5.", "1.2.3", "1 000", "١٢", "1\n2", "\0", "€5"),
    ],
)
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match=r"such as 12\.50"):
        parse_usd(text)


@pytest.mark.parametrize("text", ["12,50", "1,000", "1.000,50"])
def test_a_comma_is_explained(text):
    with pytest.raises(ValueError, match="dot before the cents"):
        parse_usd(text)


@pytest.mark.parametrize("text", ["0", "0.00", "000"])
def test_nothing_is_no_amount(text):
    with pytest.raises(ValueError, match="more than 0"):
        parse_usd(text)


@pytest.mark.parametrize("text", ["100000000", "9" * 5000, "0.00001", "1." + "1" * 5000])
def test_too_many_digits_are_refused(text):
    with pytest.raises(ValueError, match="at most"):
        parse_usd(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("5", "$5.00"),
        ("1250.5000", "$1,250.50"),
        ("0.0025", "$0.0025"),
        ("100000", "$100,000.00"),
        ("1E+5", "$100,000.00"),
        ("-3.5", "-$3.50"),
        ("0", "$0.00"),
    ],
)
def test_amounts_are_written(value, text):
    assert format_usd(Decimal(value)) == text
