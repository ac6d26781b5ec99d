"""One HTTP attempt at the model API, from its request to its line in the usage spool."""

import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from metrics_app.gateway.upstream import is_batch, split_path
from metrics_app.gateway.usage import Reader, Report, is_event_stream, make_reader

LINE_VERSION = 1
KILLED = "the gateway was killed"
MAX_HEAD_BYTES = 64 * 1024
MAX_ID_CHARACTERS = 100
MAX_PATH_CHARACTERS = 300
# A draft is written anew with every so many tokens.
DRAFT_TOKENS = 1000

Kind = Literal["messages", "count_tokens", "batches", "other"]

_FIRST_KEY_MODEL = re.compile(rb'\s*\{\s*"model"\s*:\s*("(?:[^"\\]|\\.){0,200}")')


def classify_path(target: str) -> Kind | None:
    """What a request at the model API is for; None where it is none of the Messages API."""
    path = split_path(target)
    if path == "/v1/messages":
        return "messages"
    if path == "/v1/messages/count_tokens":
        return "count_tokens"
    if is_batch(target):
        return "batches"
    return "other" if path.startswith("/v1/messages/") else None


def read_requested_model(head: bytes, *, is_whole: bool) -> str | None:
    """The `model` of a request body, of which `head` is the beginning (all of it: `is_whole`).

    In a longer body only a first key is trusted, as clients send it: another could be a prompt.
    """
    try:
        if first := _FIRST_KEY_MODEL.match(head):
            model = json.loads(first[1])
        else:
            model = json.loads(head).get("model") if is_whole else None
    except (ValueError, AttributeError, RecursionError):
        return None
    return model[:MAX_ID_CHARACTERS] if isinstance(model, str) else None


def read_retry_count(value: str) -> int:
    return int(value) if re.fullmatch(r"[0-9]{1,4}", value) else 0


@dataclass(slots=True)
class Attempt:
    """Fed by the proxy as bytes pass; `finish` makes the line, once."""

    agent_id: str
    method: str
    target: str
    kind: Kind
    claude_session_id: str = ""
    retry_count: int = 0
    attempt_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: Callable[[], float] = time.perf_counter
    status: int | None = None
    refusal: str | None = None
    request_id: str | None = None
    is_streamed: bool = False
    is_finished: bool = False
    report: Report = field(default_factory=Report)
    _head: bytearray = field(default_factory=bytearray)
    _request_bytes: int = 0
    _reader: Reader | None = None
    _started: float = 0.0
    _first_byte: float | None = None

    def __post_init__(self) -> None:
        self._started = self.clock()

    def see_request(self, chunk: bytes) -> None:
        self._request_bytes += len(chunk)
        self._head += chunk[: MAX_HEAD_BYTES - len(self._head)]

    def refuse(self, status: int, reason: str) -> None:
        """The gateway itself answers."""
        self.status = status
        self.refusal = reason

    def start_response(
        self, *, status: int, content_type: str, content_encoding: str, request_id: str
    ) -> None:
        self.status = status
        self.request_id = request_id[:MAX_ID_CHARACTERS] or None
        self.is_streamed = is_event_stream(content_type)
        if not self.is_streamed:
            self._first_byte = self.clock()
        self._reader = make_reader(
            status=status, content_type=content_type, content_encoding=content_encoding
        )

    def see_response(self, chunk: bytes) -> None:
        if self._first_byte is None and chunk:
            self._first_byte = self.clock()
        if self._reader is not None:
            self._reader.feed(chunk)

    def finish(self, cut: str | None) -> bytes | None:
        """The spool line with its newline, or None where it was made before.

        `cut` says how the connection broke; a message that had already ended counts as complete.
        """
        if self.is_finished:
            return None
        self.is_finished = True
        if self._reader is not None:
            self.report = self._reader.end()
        return _encode(self._line(self.report, cut))

    @property
    def progress(self) -> tuple[int, int]:
        """Another value whenever the draft would say noticeably more."""
        report = self._reader.report if self._reader is not None else self.report
        return report.usage_count, report.uncounted_output_tokens // DRAFT_TOKENS

    def draft(self) -> bytes:
        """The line as it is if the gateway is killed now."""
        report = self._reader.report if self._reader is not None else self.report
        return _encode(self._line(report, KILLED))

    def _line(self, report: Report, cut: str | None) -> dict[str, Any]:
        return {
            "version": LINE_VERSION,
            "id": self.attempt_id,
            "agent_id": self.agent_id,
            "started_at": self.started_at.isoformat(timespec="microseconds"),
            "method": self.method[:20],
            "path": split_path(self.target)[:MAX_PATH_CHARACTERS],
            "kind": self.kind,
            "status": self.status,
            "complete": report.is_complete or self.refusal is not None,
            "error": self._describe_error(report, cut),
            "streamed": self.is_streamed,
            "requested_model": read_requested_model(
                bytes(self._head), is_whole=self._request_bytes == len(self._head)
            ),
            "model": report.model,
            "message_id": report.message_id,
            "request_id": self.request_id,
            "claude_session_id": self.claude_session_id[:MAX_ID_CHARACTERS] or None,
            "retry_count": self.retry_count,
            "usage": report.usage,
            "uncounted_output_tokens": report.uncounted_output_tokens,
            "first_byte_ms": self._since_start(self._first_byte),
            "total_ms": self._since_start(self.clock()),
        }

    def _describe_error(self, report: Report, cut: str | None) -> str | None:
        if self.refusal is not None:
            return self.refusal
        if report.is_complete:
            return report.error
        reasons = [reason for reason in (report.error, cut) if reason]
        return "; ".join(reasons) or "the answer ended before its last event"

    def _since_start(self, moment: float | None) -> float | None:
        return None if moment is None else round((moment - self._started) * 1000, 3)


def _encode(line: dict[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"
