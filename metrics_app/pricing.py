"""What a call at the model API costs. Pure: the facts and the clock come in, Decimals go out.

Prices are those of genai-prices: they come with the library, carry their dates, need no network.
An unknown price is None, never 0.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from genai_prices import Usage, calc_price

COST_STEP_USD = Decimal("1e-10")
US_INFERENCE_FACTOR = Decimal("1.1")
MAX_COUNT = 100_000_000
PRICE_VERSION = f"genai-prices {version('genai-prices')}"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is counted of a call. `thinking` is part of `output`; `input` excludes the cache."""

    input: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    output: int = 0
    thinking: int = 0
    web_searches: int = 0

    @property
    def cache_write(self) -> int:
        return self.cache_write_5m + self.cache_write_1h

    @property
    def total_input(self) -> int:
        return self.input + self.cache_write + self.cache_read

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class UsageReading:
    """A raw usage object, understood.

    `parts` holds the call itself and then each compaction, priced one by one, as price tiers go by
    the size of one request. `clamped` names negative numbers, taken as 0; `refused` those that mean
    nothing.
    """

    parts: tuple[Tokens, ...]
    clamped: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def tokens(self) -> Tokens:
        return sum(self.parts, Tokens())


@dataclass(frozen=True, slots=True)
class PricedUsage:
    """`cost_usd` None with `is_unpriced` costs an unknown sum; without it, nothing is owed."""

    cost_usd: Decimal | None
    price_version: str = ""
    is_unpriced: bool = False
    is_estimated: bool = False


class _Counts:
    """Takes counts out of untrusted JSON and remembers which were wrong."""

    def __init__(self) -> None:
        self.clamped: list[str] = []
        self.refused: list[str] = []

    def take(self, source: Any, name: str) -> int:
        value = source.get(name) if isinstance(source, Mapping) else None
        if value is None:
            return 0
        if type(value) is not int or value > MAX_COUNT:
            self.refused.append(name)
            return 0
        if value < 0:
            self.clamped.append(name)
            return 0
        return value


def read_usage(raw: Mapping[str, Any]) -> UsageReading:
    """Understand the usage of one call, whatever its fields hold.

    The top-level counts leave compactions out, so those are added as parts of their own.
    """
    counts = _Counts()
    iterations = raw.get("iterations")
    compactions = [
        one
        for one in (iterations if isinstance(iterations, list) else ())
        if isinstance(one, Mapping) and one.get("type") == "compaction"
    ]
    parts = tuple(_read_part(part, counts) for part in (raw, *compactions))
    return UsageReading(parts, tuple(counts.clamped), tuple(counts.refused))


def _read_part(raw: Mapping[str, Any], counts: _Counts) -> Tokens:
    written_5m, written_1h = _read_cache_writes(raw, counts)
    output = counts.take(raw, "output_tokens")
    return Tokens(
        input=counts.take(raw, "input_tokens"),
        cache_write_5m=written_5m,
        cache_write_1h=written_1h,
        cache_read=counts.take(raw, "cache_read_input_tokens"),
        output=output,
        thinking=min(output, counts.take(raw.get("output_tokens_details"), "thinking_tokens")),
        web_searches=counts.take(raw.get("server_tool_use"), "web_search_requests"),
    )


def _read_cache_writes(raw: Mapping[str, Any], counts: _Counts) -> tuple[int, int]:
    """Tokens written for 5 minutes and for 1 hour.

    With server tools the split covers the first iteration only: the rest of the total is written
    for 5 minutes. A split above the total is cut to it.
    """
    split = raw.get("cache_creation")
    split_5m = counts.take(split, "ephemeral_5m_input_tokens")
    split_1h = counts.take(split, "ephemeral_1h_input_tokens")
    if raw.get("cache_creation_input_tokens") is None:
        return split_5m, split_1h
    total = counts.take(raw, "cache_creation_input_tokens")
    written_1h = min(split_1h, total)
    return total - written_1h, written_1h


def normalise_model(model: str) -> str:
    """The bare model id: without `[1m]`, a provider's prefix, region or revision."""
    name = re.sub(r"\[\w*\]$", "", model.strip().lower())
    name = name.rpartition("/")[2]
    name = re.sub(r"^(?:[a-z]+\.)?anthropic\.", "", name)
    name = re.sub(r"-v\d+:\d+$", "", name)
    return name.replace("@", "-")


def price(
    parts: Sequence[Tokens],
    model: str,
    at: datetime,
    *,
    speed: str = "",
    inference_geo: str = "",
    is_batch: bool = False,
) -> PricedUsage:
    """Price the parts of one call of `model` made `at` an aware time.

    A cost is estimated where the price list knows the model, yet not its price for fast mode, for a
    batch or for web searches.
    """
    context = (
        {"processing": "batch"} if is_batch else {"speed": "fast"} if speed == "fast" else None
    )
    factor = US_INFERENCE_FACTOR if inference_geo == "us" else Decimal(1)
    price_version = PRICE_VERSION + (f", US inference x{factor}" if factor != 1 else "")
    name = normalise_model(model)
    try:
        costs = [_price_part(part, name, at, context, factor) for part in parts]
    except (LookupError, ValueError):
        return PricedUsage(None, price_version, is_unpriced=True)
    return PricedUsage(
        sum((cost for cost, _ in costs), Decimal(0)).quantize(COST_STEP_USD),
        price_version,
        is_estimated=any(is_estimated for _, is_estimated in costs),
    )


def _price_part(
    part: Tokens, model: str, at: datetime, context: dict[str, str] | None, factor: Decimal
) -> tuple[Decimal, bool]:
    """Cost and whether it is estimated. Raises LookupError for a model without a price."""

    def calculate(web_searches: int, context: dict[str, str] | None) -> Any:
        usage = Usage(
            input_tokens=part.total_input,
            cache_read_tokens=part.cache_read,
            cache_write_tokens=part.cache_write,
            cache_write_1h_tokens=part.cache_write_1h,
            output_tokens=part.output,
            web_searches=web_searches,
        )
        return calc_price(
            usage,
            model,
            provider_id="anthropic",
            genai_request_timestamp=at,
            price_context=context,
        )

    of_tokens = calculate(0, context)
    searches: Decimal = calculate(part.web_searches, context).total_price - of_tokens.total_price
    cost: Decimal = of_tokens.total_price * factor + searches
    # The library passes over a context or a unit that it has no price for, without a word.
    lacks_price = bool(context) and of_tokens.model_price == calculate(0, None).model_price
    return cost, lacks_price or (part.web_searches > 0 and searches == 0)
