"""How well the cache and the API did, as numbers. Pure: None stands for "nothing to tell"."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import ceil
from typing import TypeVar

from metrics_app.price_list import Rates
from metrics_app.pricing import Tokens

MILLION = Decimal(1_000_000)

Value = TypeVar("Value", int, float, Decimal)


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def cache_hit_rate(tokens: Tokens) -> float | None:
    """The part of all input that came out of the cache."""
    return share(tokens.cache_read, tokens.total_input)


def cache_savings(tokens: Tokens, rates: Rates) -> Decimal:
    """What reading the cache saved, less what writing it cost beyond plain input; may be below 0."""
    return (
        tokens.cache_read * (rates.input - rates.cache_read)
        - tokens.cache_write_5m * (rates.cache_write_5m - rates.input)
        - tokens.cache_write_1h * (rates.cache_write_1h - rates.input)
    ) / MILLION


def total_cache_savings(
    used: Iterable[tuple[Tokens, Rates | None]],
) -> tuple[Decimal | None, bool]:
    """Savings over several models, and whether some of them lack a price and are left out.

    None where no priced model used the cache.
    """
    cached = [(tokens, rates) for tokens, rates in used if tokens.cache_read or tokens.cache_write]
    savings = [cache_savings(tokens, rates) for tokens, rates in cached if rates is not None]
    return (sum(savings, Decimal(0)) if savings else None), len(savings) < len(cached)


def percentile(values: Sequence[Value], percent: int) -> Value | None:
    """The nearest rank: the smallest value that `percent` of all values do not exceed."""
    if not values:
        return None
    rank = ceil(len(values) * percent / 100)
    return sorted(values)[max(rank, 1) - 1]
