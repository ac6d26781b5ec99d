"""A call's usage object as the API told it, understood. Pure; nothing in it is believed unseen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from metrics_app.pricing import Tokens

MAX_COUNT = 100_000_000
_TOKEN_NAMES = [field.name for field in fields(Tokens)]


@dataclass(frozen=True, slots=True)
class Advice:
    """What another model used within the call, at its own prices."""

    model: str
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class UsageReading:
    """A raw usage object, understood.

    `parts` holds the requests of the call and then each compaction, priced one by one, as price tiers
    go by the size of one request. `clamped` names negative numbers, taken as 0; `refused` those that
    mean nothing.
    """

    parts: tuple[Tokens, ...]
    advice: tuple[Advice, ...] = ()
    clamped: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def tokens(self) -> Tokens:
        return sum((*self.parts, *(one.tokens for one in self.advice)), Tokens())


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


def read_usage(raw: Mapping[str, Any], *, uncounted_output_tokens: int = 0) -> UsageReading:
    """Understand the usage of one call, whatever its fields hold.

    The top-level counts leave compactions and advisors out, so those are added; and what an answer
    that was cut off wrote after its last count.
    """
    counts = _Counts()
    requests = _divide(_read_part(raw, counts), _read_requests(raw))
    if uncounted_output_tokens:
        requests[-1] = replace(requests[-1], output=requests[-1].output + uncounted_output_tokens)
    compactions = [_read_part(one, counts) for one in _iterations(raw, "compaction")]
    advice = [
        Advice(str(one.get("model") or ""), _read_part(one, counts))
        for one in _iterations(raw, "advisor_message")
    ]
    reading = UsageReading((*requests, *compactions), tuple(advice), tuple(counts.clamped))
    tokens = reading.tokens
    too_many = [name for name in _TOKEN_NAMES if getattr(tokens, name) > MAX_COUNT]
    return replace(reading, refused=(*counts.refused, *too_many))


def _iterations(raw: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    iterations = raw.get("iterations")
    for one in iterations if isinstance(iterations, list) else ():
        if isinstance(one, Mapping) and one.get("type") == kind:
            yield one


def _read_requests(raw: Mapping[str, Any]) -> list[Tokens]:
    """The requests that a call with server tools is made of; none where one cannot be read."""
    counts = _Counts()
    requests = [_read_part(one, counts) for one in _iterations(raw, "message")]
    return [] if counts.clamped or counts.refused else requests


def _divide(whole: Tokens, requests: Sequence[Tokens]) -> list[Tokens]:
    """The whole as its requests, if they add up to it. Thinking and searches stay with the first."""
    total = sum(requests, Tokens())
    if not requests or any(
        getattr(total, name) != getattr(whole, name)
        for name in ("input", "cache_write", "cache_read", "output")
    ):
        return [whole]
    hours = _share_hours(whole.cache_write_1h, requests)
    first, *others = (
        replace(
            request,
            cache_write_5m=request.cache_write - for_an_hour,
            cache_write_1h=for_an_hour,
            thinking=0,
            web_searches=0,
        )
        for request, for_an_hour in zip(requests, hours, strict=True)
    )
    return [replace(first, thinking=whole.thinking, web_searches=whole.web_searches), *others]


def _share_hours(for_an_hour: int, requests: Sequence[Tokens]) -> list[int]:
    """How many writes of each request live for an hour: what it says, as far as the whole has them,
    and what the whole has beyond that where there is room.
    """
    told = _fill([request.cache_write_1h for request in requests], for_an_hour)
    room = [request.cache_write - own for request, own in zip(requests, told, strict=True)]
    more = _fill(room, for_an_hour - sum(told))
    return [own + added for own, added in zip(told, more, strict=True)]


def _fill(sizes: Sequence[int], amount: int) -> list[int]:
    filled = []
    for size in sizes:
        filled.append(min(size, amount))
        amount -= filled[-1]
    return filled


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
    for 5 minutes. A split above the total is cut to it; beside no total, or 0, it is all there is.
    """
    split = raw.get("cache_creation")
    split_5m = counts.take(split, "ephemeral_5m_input_tokens")
    split_1h = counts.take(split, "ephemeral_1h_input_tokens")
    total = counts.take(raw, "cache_creation_input_tokens") or split_5m + split_1h
    written_1h = min(split_1h, total)
    return total - written_1h, written_1h
