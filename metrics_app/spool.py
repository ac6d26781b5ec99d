"""The gateway's usage spool: JSON lines from a file, and what one of them says. Pure.

Much in a line comes from an agent or from upstream. A line that cannot be attributed raises
SpoolLineError; a wrong value elsewhere is replaced, and named in `problems`.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, Literal, NoReturn
from uuid import UUID

from metrics_app.gateway.usage import MAX_UNCOUNTED_TOKENS

MAX_LINE_BYTES = 256 * 1024
MAX_BATCH_LINES = 2000
MAX_BATCH_BYTES = 8 * 1024 * 1024
MAX_MILLISECONDS = 7 * 24 * 3600 * 1000
MAX_RETRIES = 10_000
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
CLOCK_TOLERANCE = timedelta(days=1)
KINDS = frozenset({"messages", "count_tokens", "batches", "other"})


BadLine = Literal["not_json", "version", "malformed"]


class SpoolLineError(ValueError):
    """A line that cannot become a record; `str()` says why, `reason` in one word."""

    def __init__(self, text: str, reason: BadLine = "malformed") -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines of a file between two byte offsets; `oversized` ones are passed over, not kept."""

    end: int
    lines: tuple[bytes, ...]
    oversized: int


@dataclass(frozen=True, slots=True)
class SpoolLine:
    """One HTTP attempt. Texts are cut and safe to store; missing ones are empty."""

    attempt_id: UUID
    agent_id: UUID
    started_at: datetime
    kind: str
    method: str
    path: str
    status: int | None
    complete: bool
    error: str
    streamed: bool
    requested_model: str
    model: str
    message_id: str
    request_id: str
    claude_session_id: str
    retry_count: int
    usage: dict[str, Any] | None
    uncounted_output_tokens: int
    first_byte_ms: float | None
    total_ms: float | None
    problems: tuple[str, ...]

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def read_batch(file: BinaryIO, start: int, *, take_torn: bool) -> Batch:
    """Read a bounded number of whole lines; a last one that lacks its end only if `take_torn`."""
    file.seek(start)
    lines: list[bytes] = []
    end, oversized = start, 0
    while len(lines) + oversized < MAX_BATCH_LINES and end - start < MAX_BATCH_BYTES:
        line = file.readline(MAX_LINE_BYTES)
        size, last = len(line), line
        while last and not last.endswith(b"\n"):
            last = file.readline(MAX_LINE_BYTES)
            size += len(last)
        if not line or not (last or take_torn):
            break
        if size > MAX_LINE_BYTES:
            oversized += 1
        else:
            lines.append(line)
        end += size
    return Batch(end, tuple(lines), oversized)


def parse_line(raw: bytes, *, now: datetime) -> SpoolLine:
    """Understand one line. Raises SpoolLineError; fields that it does not know pass."""
    data = _load(raw)
    if data.get("version") != 1:
        raise SpoolLineError("unknown version", "version")
    reader = _Reader(data, now)
    return SpoolLine(
        attempt_id=reader.identifier("id"),
        agent_id=reader.identifier("agent_id"),
        started_at=reader.moment("started_at"),
        kind=reader.kind(),
        method=reader.text("method", 10),
        path=reader.text("path", 200),
        status=reader.whole("status", 100, 599),
        complete=reader.flag("complete"),
        error=reader.text("error", 300),
        streamed=reader.flag("streamed"),
        requested_model=reader.text("requested_model", 200),
        model=reader.text("model", 200),
        message_id=reader.text("message_id", 200),
        request_id=reader.text("request_id", 200),
        claude_session_id=reader.text("claude_session_id", 200),
        retry_count=reader.whole("retry_count", 0, MAX_RETRIES) or 0,
        usage=reader.usage(),
        uncounted_output_tokens=reader.whole("uncounted_output_tokens", 0, MAX_UNCOUNTED_TOKENS)
        or 0,
        first_byte_ms=reader.milliseconds("first_byte_ms"),
        total_ms=reader.milliseconds("total_ms"),
        problems=tuple(reader.problems),  # the last, when all others are read
    )


def clean_text(value: str, max_characters: int) -> str:
    """Cut, and without what a database refuses: NUL and halves of surrogate pairs."""
    return value[:max_characters].replace("\0", "").encode("utf-8", "replace").decode()


def _load(raw: bytes) -> dict[str, Any]:
    try:
        data = _DECODER.decode(raw.decode())
    except (ValueError, RecursionError) as exc:
        raise SpoolLineError(f"no JSON: {exc}"[:100], "not_json") from exc
    if not isinstance(data, dict):
        raise SpoolLineError("no JSON object", "not_json")
    return data


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


# Made once: `json.loads` makes one for each line.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _clean_json(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value, 1000)
    if isinstance(value, Mapping):
        return {clean_text(key, 100): _clean_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean_json(item) for item in value]
    # 1e999 is valid JSON and an infinite float.
    return None if isinstance(value, float) and not math.isfinite(value) else value


class _Reader:
    """Takes typed values out of a line and remembers which were wrong."""

    def __init__(self, data: dict[str, Any], now: datetime) -> None:
        self.data = data
        self.now = now
        self.problems: list[str] = []

    def identifier(self, name: str) -> UUID:
        try:
            return UUID(self.data.get(name))
        except (TypeError, ValueError, AttributeError) as exc:
            raise SpoolLineError(f"{name} is no UUID") from exc

    def moment(self, name: str) -> datetime:
        """An impossible time becomes now: far ahead, it would count as today's for ever."""
        try:
            moment = datetime.fromisoformat(self.data[name])
        except (KeyError, TypeError, ValueError) as exc:
            raise SpoolLineError(f"{name} is no time") from exc
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        if EARLIEST <= moment <= self.now + CLOCK_TOLERANCE:
            return moment
        self.problems.append(name)
        return self.now

    def kind(self) -> str:
        kind = self.data.get("kind")
        if isinstance(kind, str) and kind in KINDS:
            return kind
        self.problems.append("kind")
        return "other"

    def text(self, name: str, max_characters: int) -> str:
        value = self.data.get(name)
        if isinstance(value, str):
            return clean_text(value, max_characters)
        if value is not None:
            self.problems.append(name)
        return ""

    def flag(self, name: str) -> bool:
        value = self.data.get(name)
        if not isinstance(value, bool):
            self.problems.append(name)
        return value is True

    def whole(self, name: str, at_least: int, at_most: int) -> int | None:
        value = self.data.get(name)
        if type(value) is int and at_least <= value <= at_most:
            return value
        if value is not None:
            self.problems.append(name)
        return None

    def milliseconds(self, name: str) -> float | None:
        value: Any = self.data.get(name)
        if type(value) in (int, float) and 0 <= value <= MAX_MILLISECONDS:
            return float(value)
        if value is not None:
            self.problems.append(name)
        return None

    def usage(self) -> dict[str, Any] | None:
        value = self.data.get("usage")
        if isinstance(value, dict):
            cleaned: dict[str, Any] = _clean_json(value)
            return cleaned
        if value is not None:
            self.problems.append("usage")
        return None
