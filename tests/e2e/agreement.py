"""How far our cost of a call and the CLI's agree; where they do not, what the CLI does otherwise.

Each known difference is a function from a call to the call whose cost by our prices is the CLI's
figure: so a reason has to explain the whole of a difference, not only that there is one.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

from metrics_app.attempts import assess
from metrics_app.pricing import Override
from metrics_app.spool import parse_line
from tests.e2e.random_usage import INPUT_COUNTS, Call, Usage

EXACT_USD = Decimal("1e-10")
CENT_USD = Decimal("0.005")  # what rounds to less than a cent
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
FAST = "[fast]"  # makes a model of its own for overrides, and none for the list
OLD_FAST_PRICES = Override(
    id=1,
    pattern=f"*{FAST}",
    starts_at=EPOCH,
    input=Decimal(30),
    output=Decimal(150),
    cache_write_5m=Decimal("37.5"),
    cache_write_1h=Decimal(60),
    cache_read=Decimal(3),
)


def prices_the_model_that_it_asked(call: Call) -> Call:
    return replace(call, answered_by=call.model)


def leaves_out_compactions(call: Call) -> Call:
    kept = [one for one in call.iterations if one["type"] != "compaction"]
    return change(call, iterations=kept) if kept != call.iterations else call


def knows_fast_prices_of_opus_4_6_and_4_7(call: Call) -> Call:
    """The list has none any more: we take their standard prices and say that it is an estimate."""
    is_old = call.answered_by in ("claude-opus-4-6", "claude-opus-4-7")
    is_fast = call.usage.get("speed") == "fast"
    return replace(call, answered_by=call.answered_by + FAST) if is_old and is_fast else call


def knows_no_long_prompt_price_of_sonnet_4_5(call: Call) -> Call:
    """The API refuses such prompts by now. Sonnet 4.6 has the same prices for all other prompts."""
    old, flat = "claude-sonnet-4-5", "claude-sonnet-4-6"
    sizes = [sum(one[name] for name in INPUT_COUNTS) for one in (call.usage, *call.iterations)]
    if max(sizes) <= 200_000:
        return call
    iterations = [
        one | {"model": flat} if one.get("model") == old else one for one in call.iterations
    ]
    if call.answered_by == old:
        call = replace(call, answered_by=flat)
    return change(call, iterations=iterations) if iterations != call.iterations else call


def takes_hours_of_iterations_for_haiku_5_5(call: Call) -> Call:
    """For a model with another price for long prompts, that is; for the others it does as we do."""
    told = sum(hours(one) for one in call.iterations if one["type"] == "message")
    if call.answered_by != "claude-haiku-5-5" or told <= hours(call.usage):
        return call
    return change(call, cache_creation={"ephemeral_1h_input_tokens": told})


# In this order, as what is priced comes first.
KNOWN: tuple[Callable[[Call], Call], ...] = (
    prices_the_model_that_it_asked,
    leaves_out_compactions,
    takes_hours_of_iterations_for_haiku_5_5,
    knows_fast_prices_of_opus_4_6_and_4_7,
    knows_no_long_prompt_price_of_sonnet_4_5,
)


def hours(usage: Usage) -> int:
    return (usage.get("cache_creation") or {}).get("ephemeral_1h_input_tokens", 0)


def change(call: Call, **fields: object) -> Call:
    return replace(call, usage=call.usage | fields)


def see_as_the_cli(call: Call) -> tuple[Call, list[str]]:
    """The call as the CLI prices it, and the differences that concern it."""
    names = []
    for difference in KNOWN:
        seen = difference(call)
        if seen != call:
            names.append(difference.__name__.replace("_", " "))
        call = seen
    return call, names


def price_call(call: Call) -> Decimal:
    now = datetime.now(UTC)
    line = {
        "version": 1,
        "id": str(uuid4()),
        "agent_id": str(uuid4()),
        "started_at": now.isoformat(),
        "kind": "messages",
        "status": 200,
        "complete": True,
        "model": call.answered_by,
        "usage": call.usage,
    }
    cost = assess(parse_line(json.dumps(line).encode(), now=now), [OLD_FAST_PRICES]).priced.cost_usd
    assert cost is not None, call
    return cost


@dataclass(frozen=True, slots=True)
class Comparison:
    """`explained_usd` is what the CLI has to say, by our prices and its known differences."""

    call: Call
    ours_usd: Decimal
    cli_usd: Decimal
    explained_usd: Decimal
    differences: list[str]

    @property
    def difference_usd(self) -> Decimal:
        return self.ours_usd - self.cli_usd

    @property
    def is_exact(self) -> bool:
        return abs(self.difference_usd) <= EXACT_USD

    @property
    def is_to_the_cent(self) -> bool:
        return abs(self.difference_usd) < CENT_USD

    @property
    def is_explained(self) -> bool:
        return abs(self.explained_usd - self.cli_usd) <= EXACT_USD


def compare(call: Call, *, ours_usd: Decimal, cli_usd: Decimal) -> Comparison:
    seen, differences = see_as_the_cli(call)
    return Comparison(call, ours_usd, cli_usd, price_call(seen), differences)


def describe(compared: list[Comparison]) -> Iterator[str]:
    streamed = sum(one.call.is_streamed for one in compared)
    plain = [one for one in compared if not one.differences]
    usd = sum(one.ours_usd for one in compared)
    yield f"{len(compared)} calls, {streamed} of them streamed, {usd:.2f} USD: {_count(compared)}"
    yield f"  {len(plain)} without a known difference: {_count(plain)}"
    for name in sorted({name for one in compared for name in one.differences}):
        concerned = [one for one in compared if name in one.differences]
        alone = [one.difference_usd for one in concerned if len(one.differences) == 1]
        span = f"alone {min(alone):+.6f} to {max(alone):+.6f} USD" if alone else "never alone"
        yield f"  {len(concerned)} where the CLI {name}: {_count(concerned)}; {span}"


def _count(compared: list[Comparison]) -> str:
    exact = sum(one.is_exact for one in compared)
    to_the_cent = sum(one.is_to_the_cent for one in compared)
    explained = sum(one.is_explained for one in compared)
    return f"{exact} agree exactly, {to_the_cent} to the cent, {explained} are explained exactly"
