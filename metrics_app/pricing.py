"""What a call at the model API costs. Pure: the facts and the clock come in, Decimals go out.

A site's own prices go first, else those of genai-prices: they come with the library, carry their
dates, need no network. An unknown price is None, never 0.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.metadata import version
from operator import add, attrgetter
from typing import Any

from genai_prices import Usage, calc_price

COST_STEP_USD = Decimal("1e-10")
TOKENS_A_PRICE = 1_000_000
US_INFERENCE_FACTOR = Decimal("1.1")
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
        return Tokens(*map(add, _counts_of(self), _counts_of(other)))


# dataclasses.astuple copies deeply, which each stored call would pay for.
_counts_of = attrgetter(*(field.name for field in fields(Tokens)))


@dataclass(frozen=True, slots=True)
class PricedUsage:
    """`cost_usd` None with `is_unpriced` costs an unknown sum; without it, nothing is owed."""

    cost_usd: Decimal | None
    price_version: str = ""
    is_unpriced: bool = False
    is_estimated: bool = False
    is_override: bool = False


@dataclass(frozen=True, slots=True)
class Override:
    """A site's own prices, in USD per million tokens, for the models that fit `pattern`."""

    id: int
    pattern: str
    starts_at: datetime
    input: Decimal
    output: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    cache_read: Decimal
    multiplier: Decimal = Decimal(1)

    @property
    def price_version(self) -> str:
        return f"override {self.id}: {self.pattern[:30]} since {self.starts_at:%Y-%m-%d}"

    def cost_of(self, tokens: Tokens) -> Decimal:
        """Exact, not rounded."""
        cost = (
            tokens.input * self.input
            + tokens.output * self.output
            + tokens.cache_write_5m * self.cache_write_5m
            + tokens.cache_write_1h * self.cache_write_1h
            + tokens.cache_read * self.cache_read
        )
        return cost * self.multiplier / TOKENS_A_PRICE


@lru_cache(maxsize=1000)
def normalise_model(model: str) -> str:
    """The bare model id: without `[1m]`, a provider's prefix, region or revision."""
    name = re.sub(r"\[\w*\]$", "", model.strip().lower())
    name = name.rpartition("/")[2]
    name = re.sub(r"^(?:[a-z]+\.)?anthropic\.", "", name)
    name = re.sub(r"-v\d+:\d+$", "", name)
    return name.replace("@", "-")


def matches(pattern: str, model: str) -> bool:
    """Whether the model fits, as it is reported or by its bare id. `*` stands for any characters."""
    # fnmatch does not backtrack from star to star, which a hostile name could make slow.
    literal = re.sub(r"[\[?]", r"[\g<0>]", pattern.strip().lower())
    return any(
        fnmatchcase(name, literal) for name in (model.strip().lower(), normalise_model(model))
    )


def find_override(overrides: Iterable[Override], model: str, at: datetime) -> Override | None:
    """The override in force: the newest start not after the call, then the longest pattern."""
    fitting = [one for one in overrides if one.starts_at <= at and matches(one.pattern, model)]
    return max(fitting, key=lambda one: (one.starts_at, len(one.pattern), one.id), default=None)


def price(
    parts: Sequence[Tokens],
    model: str,
    at: datetime,
    *,
    speed: str = "",
    inference_geo: str = "",
    is_batch: bool = False,
    overrides: Iterable[Override] = (),
) -> PricedUsage:
    """Price the parts of one call of `model` made `at` an aware time.

    A cost is estimated where the prices in force know the model, yet not its price for fast mode,
    for a batch or for web searches.
    """
    context = (
        {"processing": "batch"} if is_batch else {"speed": "fast"} if speed == "fast" else None
    )
    factor = US_INFERENCE_FACTOR if inference_geo == "us" else Decimal(1)
    override = find_override(overrides, model, at)
    name = normalise_model(model)
    try:
        costs = [
            _price_part_by_override(part, override, name, at, context, factor)
            if override
            else _price_part(part, name, at, context, factor)
            for part in parts
        ]
        cost = sum((cost for cost, _ in costs), Decimal(0)).quantize(COST_STEP_USD)
    except (LookupError, ValueError):
        cost, costs = None, []
    return PricedUsage(
        cost,
        (override.price_version if override else PRICE_VERSION)
        + (f", US inference x{factor}" if factor != 1 else ""),
        is_unpriced=cost is None,
        is_estimated=any(is_estimated for _, is_estimated in costs),
        is_override=override is not None,
    )


def _price_part(
    part: Tokens, model: str, at: datetime, context: dict[str, str] | None, factor: Decimal
) -> tuple[Decimal, bool]:
    """Cost and whether it is estimated. Raises LookupError for a model without a price."""
    of_tokens = _look_up(part, model, at, context)
    searches = _price_searches(part, model, at, context)
    cost: Decimal = of_tokens.total_price * factor + searches
    # The library passes over a context or a unit that it has no price for, without a word.
    lacks_price = bool(context) and (
        of_tokens.model_price == _look_up(part, model, at, None).model_price
    )
    return cost, lacks_price or (part.web_searches > 0 and searches == 0)


def _price_part_by_override(
    part: Tokens,
    override: Override,
    model: str,
    at: datetime,
    context: dict[str, str] | None,
    factor: Decimal,
) -> tuple[Decimal, bool]:
    """As `_price_part`, for any model. Searches cost what the list says: overrides have tokens only."""
    try:
        searches = _price_searches(part, model, at, None)
    except LookupError:
        searches = Decimal(0)
    lacks_price = bool(context) or (part.web_searches > 0 and searches == 0)
    return override.cost_of(part) * factor + searches, lacks_price


def _price_searches(
    part: Tokens, model: str, at: datetime, context: dict[str, str] | None
) -> Decimal:
    """What the list adds for them. Raises LookupError as `_price_part`."""
    if not part.web_searches:
        return Decimal(0)
    with_searches = _look_up(part, model, at, context, web_searches=part.web_searches)
    searches: Decimal = with_searches.total_price - _look_up(part, model, at, context).total_price
    return searches


def _look_up(
    part: Tokens,
    model: str,
    at: datetime,
    context: dict[str, str] | None,
    *,
    web_searches: int = 0,
) -> Any:
    """The list's price of a part. Raises LookupError for a model that is not on it."""
    usage = Usage(
        input_tokens=part.total_input,
        cache_read_tokens=part.cache_read,
        cache_write_tokens=part.cache_write,
        cache_write_1h_tokens=part.cache_write_1h,
        output_tokens=part.output,
        web_searches=web_searches,
    )
    return calc_price(
        usage, model, provider_id="anthropic", genai_request_timestamp=at, price_context=context
    )
