"""Amounts of money as people write them. Pure."""

import re
from decimal import Decimal

MOST_DIGITS = 8


def parse_usd(text: str) -> Decimal:
    """Read `12`, `12.5` or `$12.50`, and no other way to write an amount. Raises ValueError."""
    plain = text.strip().removeprefix("$").strip()
    if "," in plain:
        raise ValueError(
            "Write a dot before the cents and nothing between thousands, as in 1250.50."
        )
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", plain):
        raise ValueError("Enter an amount such as 12.50.")
    whole, _, cents = plain.partition(".")
    if len(whole.lstrip("0")) > MOST_DIGITS:
        raise ValueError(f"Enter at most {MOST_DIGITS} digits before the dot.")
    if len(cents.rstrip("0")) > 4:
        raise ValueError("Enter at most 4 digits after the dot.")
    value = Decimal(plain)
    if value == 0:
        raise ValueError("Enter more than 0.")
    return value


def format_usd(value: Decimal) -> str:
    """`$1,250.50`, with more than two decimals only where they are not 0: `$0.0025`."""
    sign = "-" if value < 0 else ""
    exact = f"{abs(value).normalize():,f}"
    cents = exact.partition(".")[2]
    return f"{sign}${exact}" if len(cents) > 2 else f"{sign}${abs(value):,.2f}"
