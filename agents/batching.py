"""From log frames to lines, and from lines to batches. Pure: the clock comes in."""

import math
from dataclasses import dataclass, field

MAX_LINE_BYTES = 4 << 20
KEPT_OF_OVERSIZED_BYTES = 4096


@dataclass(frozen=True)
class FramedLine:
    """A whole line without its newline; `dropped_bytes` of an oversized one are gone."""

    stream: str
    timestamp: str
    data: bytes
    dropped_bytes: int = 0


@dataclass
class _OpenLine:
    timestamp: str
    data: bytearray = field(default_factory=bytearray)
    dropped_bytes: int = 0

    def append(self, part: bytes, max_bytes: int) -> None:
        if self.dropped_bytes or len(self.data) + len(part) > max_bytes:
            kept_bytes = min(KEPT_OF_OVERSIZED_BYTES, max_bytes)
            joined = bytes(self.data[:kept_bytes])
            joined += part[: kept_bytes - len(joined)]
            self.dropped_bytes += len(self.data) + len(part) - len(joined)
            self.data = bytearray(joined)
        else:
            self.data += part


class LineFramer:
    """Joins frames of several streams into lines, holding at most `max_line_bytes` a stream.

    Docker cuts long lines into frames; a line that is longer than the limit keeps its head.
    """

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._open: dict[str, _OpenLine] = {}

    @property
    def has_open_line(self) -> bool:
        return bool(self._open)

    def feed(self, stream: str, timestamp: str, data: bytes) -> list[FramedLine]:
        *ended, rest = data.split(b"\n")
        lines = [self._end_line(stream, timestamp, part) for part in ended]
        if rest:
            line = self._open.setdefault(stream, _OpenLine(timestamp))
            line.append(rest, self._max_line_bytes)
        return [line for line in lines if line.data]

    def flush(self) -> list[FramedLine]:
        """What is left where the output ended without a newline."""
        streams = list(self._open)
        return [self._end_line(stream, self._open[stream].timestamp, b"") for stream in streams]

    def _end_line(self, stream: str, timestamp: str, part: bytes) -> FramedLine:
        line = self._open.pop(stream, None) or _OpenLine(timestamp)
        line.append(part, self._max_line_bytes)
        return FramedLine(stream, timestamp, bytes(line.data).rstrip(b"\r"), line.dropped_bytes)


class Batcher:
    """Collects lines until there are enough, or the batch before was long enough ago.

    So the first line after a silence does not wait, and a stream makes a batch each interval.
    """

    def __init__(
        self,
        *,
        max_lines: int = 200,
        max_bytes: int = 64 << 10,
        interval_seconds: float = 0.05,
    ) -> None:
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._interval_seconds = interval_seconds
        self._lines: list[FramedLine] = []
        self._bytes = 0
        self._taken_at = -math.inf

    def add(self, line: FramedLine) -> None:
        self._lines.append(line)
        self._bytes += len(line.data)

    def wait_seconds(self, *, now: float) -> float | None:
        """How long the batch may still grow; 0 where it is due, None where it is empty."""
        if not self._lines:
            return None
        if len(self._lines) >= self._max_lines or self._bytes >= self._max_bytes:
            return 0.0
        return max(0.0, self._taken_at + self._interval_seconds - now)

    def take(self, *, now: float) -> list[FramedLine]:
        self._taken_at = now
        lines, self._lines, self._bytes = self._lines, [], 0
        return lines
