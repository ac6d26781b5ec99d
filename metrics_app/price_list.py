"""What a million tokens of a model cost. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from metrics_app.pricing import Override, Tokens, price

# Few enough to stay below every tier for long contexts.
SAMPLE_TOKENS = 1000
SAMPLES_A_MILLION = 1_000_000 // SAMPLE_TOKENS
PRICED_KINDS = ("input", "cache_write_5m", "cache_write_1h", "cache_read", "output")


@dataclass(frozen=True, slots=True)
class Rates:
    """USD for a million tokens of each kind, and the price list that says so."""

    input: Decimal
    output: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    cache_read: Decimal
    source: str
    version: str


def find_rates(model: str, at: datetime, overrides: Sequence[Override] = ()) -> Rates | None:
    """The rates that a call of `model` would be priced with; None where nobody knows them.

    They are read off priced samples, so that they are what the ledger is priced with.
    """
    whole = price([Tokens(input=SAMPLE_TOKENS)], model, at, overrides=overrides)
    if whole.cost_usd is None:
        return None
    source, _, version = whole.price_version.partition(" ")

    def rate(**tokens: int) -> Decimal:
        cost = price([Tokens(**tokens)], model, at, overrides=overrides).cost_usd or Decimal(0)
        return cost * SAMPLES_A_MILLION

    return Rates(
        input=rate(input=SAMPLE_TOKENS),
        output=rate(output=SAMPLE_TOKENS),
        cache_write_5m=rate(cache_write_5m=SAMPLE_TOKENS),
        cache_write_1h=rate(cache_write_1h=SAMPLE_TOKENS),
        cache_read=rate(cache_read=SAMPLE_TOKENS),
        source=source,
        version=version,
    )
