"""Calls of the model API drawn at random, but the same for the same seed: what each uses, and how it says so."""

import random
from dataclasses import dataclass
from typing import Any

Usage = dict[str, Any]

# Those that both the CLI and the price list know by these names.
MODELS = (
    "claude-haiku-4-5",
    "claude-haiku-5-5",
    "claude-sonnet-4-5",
    "claude-sonnet-4-6",
    "claude-sonnet-5",
    "claude-sonnet-5-5",
    "claude-opus-4-5",
    "claude-opus-4-6",
    "claude-opus-4-7",
    "claude-opus-4-8",
    "claude-opus-5",
    "claude-opus-5-5",
    "claude-fable-5",
    "claude-fable-5-1",
    "claude-fable-5-2",
    "claude-mythos-5-2",
)
INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
COUNTS = (*INPUT_COUNTS, "output_tokens")


@dataclass(frozen=True, slots=True)
class Call:
    """`usage` is the whole; a stream tells it by `start`, which lacks what the end knows, and `deltas`."""

    number: int
    model: str
    answered_by: str
    usage: Usage
    start: Usage
    deltas: tuple[Usage, ...]
    is_streamed: bool

    @property
    def iterations(self) -> list[Usage]:
        return self.usage.get("iterations") or []


def draw_call(seed: int, number: int) -> Call:
    dice = random.Random(f"{seed}/{number}")
    usage = _draw_usage(dice)
    model = answered_by = dice.choice(MODELS)
    if dice.random() < 0.05:
        answered_by = dice.choice(MODELS)
    start, deltas = _draw_stream(dice, usage)
    return Call(
        number=number,
        model=model,
        answered_by=answered_by,
        usage=usage,
        start=start,
        deltas=deltas,
        is_streamed=dice.random() < 0.8,
    )


def _draw_usage(dice: random.Random) -> Usage:
    usage: Usage = _draw_counts(dice) | {"service_tier": dice.choice(("standard", "priority"))}
    usage |= _draw_split(dice, usage["cache_creation_input_tokens"])
    if dice.random() < 0.5:
        places = ("us", "us", "global", "eu", "not_available")
        usage["inference_geo"] = dice.choice(places)
    if dice.random() < 0.5:
        usage["speed"] = dice.choice(("standard", "standard", "fast"))
    if dice.random() < 0.2:
        usage["server_tool_use"] = {"web_search_requests": dice.randint(0, 12)}
    if dice.random() < 0.2:
        usage |= _draw_iterations(dice)
    return usage


def _draw_counts(dice: random.Random) -> Usage:
    return {
        "input_tokens": _draw_size(dice, 150_000),
        "cache_creation_input_tokens": _draw_size(dice, 150_000),
        "cache_read_input_tokens": _draw_size(dice, 600_000),
        "output_tokens": 1 + _draw_size(dice, 64_000),
    }


def _draw_size(dice: random.Random, most: int) -> int:
    """Nothing now and then; else as often some hundreds as some ten thousands."""
    return 0 if dice.random() < 0.15 else round(most ** dice.random())


def _draw_split(dice: random.Random, total: int) -> Usage:
    """By how long the cache writes live: all of them, a part, more than there are, or not told."""
    kind = dice.choice(("whole", "whole", "part", "beyond", "untold"))
    if kind == "untold":
        return {}
    told = {"whole": total, "part": dice.randint(0, total), "beyond": total + dice.randint(1, 9999)}
    return {"cache_creation": _cut(dice, told[kind])}


def _cut(dice: random.Random, total: int) -> Usage:
    for_an_hour = dice.choice((0, total, dice.randint(0, total)))
    return _split(total - for_an_hour, for_an_hour)


def _split(five_minutes: int, one_hour: int) -> Usage:
    return {"ephemeral_5m_input_tokens": five_minutes, "ephemeral_1h_input_tokens": one_hour}


def _draw_iterations(dice: random.Random) -> Usage:
    """The iterations of a call with server tools, and their sums; at times one more that is in no sum."""
    parts = [_draw_counts(dice) for _ in range(dice.randint(2, 4))]
    for part in parts:
        written = part["cache_creation_input_tokens"]
        part |= {"type": "message", "cache_creation": _cut(dice, written)}
    extra = dice.choice((None, None, "compaction", "advisor_message"))
    others = [_draw_counts(dice) | {"type": extra}] if extra else []
    if extra == "advisor_message":
        others[0]["model"] = dice.choice(MODELS)
    first_split = {"cache_creation": parts[0]["cache_creation"]}
    sums = {name: sum(part[name] for part in parts) for name in COUNTS}
    return sums | first_split | {"iterations": [*parts, *others]}


def _draw_stream(dice: random.Random, usage: Usage) -> tuple[Usage, tuple[Usage, ...]]:
    """How a stream may tell `usage`: its last event alone has the output and what is known at the end."""
    at_end = ("output_tokens", "server_tool_use", "iterations")
    start = {name: value for name, value in usage.items() if name not in at_end}
    end = {name: value for name, value in usage.items() if name in at_end}
    kind = dice.choice(("output", "repeated", "zeros", "several", "growing"))
    first: tuple[Usage, ...] = ()
    if kind == "repeated":
        end |= {name: usage[name] for name in INPUT_COUNTS}
    elif kind == "zeros":
        end |= dict.fromkeys(INPUT_COUNTS, 0)
    elif kind == "several":
        first = ({"output_tokens": dice.randint(0, usage["output_tokens"])},)
    elif kind == "growing":
        end |= {name: usage[name] for name in INPUT_COUNTS}
        start |= {name: dice.randint(0, usage[name]) for name in INPUT_COUNTS}
    return start | {"output_tokens": dice.randint(1, 8)}, (*first, end)
