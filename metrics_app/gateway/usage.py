"""Reads what a model API response reports about itself, from its bytes as they pass by."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

MAX_LINE_BYTES = 1024 * 1024
MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_ERROR_CHARACTERS = 300
# Anthropic tells 3.5 English characters for a token. What needs more bytes a character is denser.
BYTES_A_TOKEN = 3.5
MAX_UNCOUNTED_TOKENS = 1_000_000

_INPUT_KEYS = frozenset(
    {"input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation"}
)
_DELTA = b'"content_block_delta"'
_WANTED = (
    _DELTA,
    b'"message_start"',
    b'"message_delta"',
    b'"message_stop"',
    b'"error"',
)
_WRITTEN_KEYS = ("text", "thinking", "partial_json")


@dataclass(slots=True)
class Report:
    """What is known so far. `is_complete` only after the message's regular end.

    `usage` was told `usage_count` times; `uncounted_bytes` of text came after the last count of output.
    """

    message_id: str | None = None
    model: str | None = None
    usage: dict[str, Any] | None = None
    usage_count: int = 0
    uncounted_bytes: int = 0
    error: str | None = None
    is_complete: bool = False

    @property
    def uncounted_output_tokens(self) -> int:
        """Estimated: of an answer that is cut off nobody tells the tokens of its last part."""
        if self.is_complete:
            return 0
        return min(ceil(self.uncounted_bytes / BYTES_A_TOKEN), MAX_UNCOUNTED_TOKENS)


def merge_usage(
    known: dict[str, Any], update: dict[str, Any], *, is_input: bool = False
) -> dict[str, Any]:
    """Overlay cumulative counts: the output always, input and cache only by values above 0.

    A 0 in a later event means "not repeated", not "none", for what the first event has told.
    """
    merged = dict(known)
    for key, value in update.items():
        counts_input = is_input or key in _INPUT_KEYS
        if isinstance(value, dict):
            old = merged.get(key)
            part = old if isinstance(old, dict) else {}
            merged[key] = merge_usage(part, value, is_input=counts_input)
        elif value is not None and (value or not counts_input or key not in merged):
            merged[key] = value
    return merged


@dataclass(slots=True)
class StreamReader:
    """Reads server-sent events. Feed it any chunks; it keeps at most one line of bounded length."""

    report: Report = field(default_factory=Report)
    _line: bytearray = field(default_factory=bytearray)
    _is_skipping: bool = False

    def feed(self, chunk: bytes) -> None:
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            self._add(part)
            if not self._is_skipping:
                self._read_line(bytes(self._line))
            self._line.clear()
            self._is_skipping = False
        self._add(rest)

    def end(self) -> Report:
        """The stream is over: without its last event it is not complete."""
        return self.report

    def _add(self, part: bytes) -> None:
        if self._is_skipping or len(self._line) + len(part) > MAX_LINE_BYTES:
            self._is_skipping = True
            self._line.clear()
        else:
            self._line += part

    def _read_line(self, line: bytes) -> None:
        if not line.startswith(b"data:") or not any(word in line for word in _WANTED):
            return
        try:
            event = json.loads(line[5:])
        except (ValueError, RecursionError):
            if _DELTA not in line:
                self.report.error = self.report.error or "malformed event in the stream"
            return
        if isinstance(event, dict):
            self._read_event(event)

    def _read_event(self, event: dict[str, Any]) -> None:
        report = self.report
        match event.get("type"):
            case "message_start":
                message = event.get("message")
                if isinstance(message, dict):
                    read_message(message, report)
            case "content_block_delta":
                report.uncounted_bytes += _count_written(event.get("delta"))
            case "message_delta":
                usage = event.get("usage")
                _read_usage(usage, report)
                if isinstance(usage, dict) and type(usage.get("output_tokens")) is int:
                    report.uncounted_bytes = 0
            case "message_stop":
                report.is_complete = report.error is None
            case "error":
                report.is_complete = False
                report.error = describe_error(event)


@dataclass(slots=True)
class BodyReader:
    """Reads a body that is no stream: a message, or an error. Keeps at most MAX_BODY_BYTES."""

    status: int
    report: Report = field(default_factory=Report)
    _body: bytearray = field(default_factory=bytearray)
    _is_too_long: bool = False

    def feed(self, chunk: bytes) -> None:
        if self._is_too_long or len(self._body) + len(chunk) > MAX_BODY_BYTES:
            self._is_too_long = True
            self._body.clear()
        else:
            self._body += chunk

    def end(self) -> Report:
        report = self.report
        data = self._parse()
        if self.status >= 400:
            report.error = describe_error(data) if data else f"HTTP {self.status}"
            report.is_complete = True
        elif data is None:
            report.error = "body is too long to read" if self._is_too_long else "body is not JSON"
        else:
            read_message(data, report)
            report.is_complete = True
        return report

    def _parse(self) -> dict[str, Any] | None:
        try:
            data = json.loads(self._body)
        except (ValueError, RecursionError):
            return None
        return data if isinstance(data, dict) else None


@dataclass(slots=True)
class DecodingReader:
    """Undoes a gzip or deflate encoding that the upstream applied although it was asked not to."""

    inner: StreamReader | BodyReader
    encoding: str
    _decoder: Any = field(default_factory=lambda: zlib.decompressobj(wbits=47))
    _has_failed: bool = False

    @property
    def report(self) -> Report:
        return self.inner.report

    def feed(self, chunk: bytes) -> None:
        if self._has_failed:
            return
        try:
            while chunk:
                # In portions, so that a small chunk cannot unfold into much memory.
                self.inner.feed(self._decoder.decompress(chunk, MAX_LINE_BYTES))
                chunk = self._decoder.unconsumed_tail
        except zlib.error:
            self._has_failed = True

    def end(self) -> Report:
        report = self.inner.end()
        if self._has_failed:
            report.error = f"cannot read content-encoding {self.encoding[:50]}"
            report.is_complete = False
        return report


Reader = StreamReader | BodyReader | DecodingReader


def make_reader(*, status: int, content_type: str, content_encoding: str) -> Reader:
    is_stream = is_event_stream(content_type) and status < 400
    reader = StreamReader() if is_stream else BodyReader(status)
    if content_encoding.lower() in ("", "identity"):
        return reader
    return DecodingReader(reader, content_encoding)


def is_event_stream(content_type: str) -> bool:
    return content_type.lower().startswith("text/event-stream")


def read_message(message: dict[str, Any], report: Report) -> None:
    """Take over id, model and usage; a count_tokens answer has none of them."""
    if isinstance(message.get("id"), str):
        report.message_id = message["id"]
    if isinstance(message.get("model"), str):
        report.model = message["model"]
    _read_usage(message.get("usage"), report)


def _read_usage(usage: Any, report: Report) -> None:
    if isinstance(usage, dict):
        report.usage = merge_usage(report.usage or {}, usage)
        report.usage_count += 1


def _count_written(delta: Any) -> int:
    """Bytes of what the model wrote in a piece of an answer: text, thinking, a tool's input."""
    if not isinstance(delta, dict):
        return 0
    written = (delta.get(key) for key in _WRITTEN_KEYS)
    return sum(len(text.encode(errors="replace")) for text in written if isinstance(text, str))


def add_uncounted(usage: Mapping[str, Any], output_tokens: object) -> Mapping[str, Any]:
    """The usage with output that its counts lack; as it is where that is no sensible number."""
    if type(output_tokens) is not int or not 0 < output_tokens <= MAX_UNCOUNTED_TOKENS:
        return usage
    known = usage.get("output_tokens")
    counted = max(known, 0) if type(known) is int else 0
    return {**usage, "output_tokens": counted + output_tokens}


def describe_error(data: dict[str, Any]) -> str:
    """`type: message` of an Anthropic-style error, cut."""
    error = data.get("error")
    if not isinstance(error, dict):
        return "error without a description"
    text = f"{error.get('type') or 'error'}: {error.get('message') or ''}"
    return text[:MAX_ERROR_CHARACTERS].strip()
