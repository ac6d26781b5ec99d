"""The Claude Code CLI's stream-json protocol: lines out parsed, lines in built.

Pure. Unknown types and fields pass, and so does output that is not JSON: stderr shares the log.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

MAX_DEPTH = 100
# What is kept of a line for the transcript. Pages read hundreds of lines at once, a list of a million
# empty objects is 3 MB of JSON and 70 MB of memory, and of a text no page shows more than 20,000 characters.
MAX_VALUES = 20_000
MAX_TEXT_CHARACTERS = 100_000
# Kinds of the portal's own making: a line that claims to be one is not.
OWN_KINDS = frozenset({"cam", "oversized", "raw"})


@dataclass(frozen=True)
class Line:
    """A line that is stored as it is."""

    kind: str
    payload: Json


@dataclass(frozen=True)
class Raw(Line):
    """Output that is not a JSON object."""


@dataclass(frozen=True)
class TurnStarted(Line):
    """`system/init`, once a turn."""


@dataclass(frozen=True)
class AssistantBlock(Line):
    """One finished content block of an answer."""


@dataclass(frozen=True)
class TurnEnded(Line):
    """`result`. An API or login error ends in subtype `success` with `is_error`."""


@dataclass(frozen=True)
class Compacted(Line):
    """The conversation so far was replaced by a summary."""


@dataclass(frozen=True)
class ToolPermission(Line):
    """`can_use_tool`: has no timeout and is not sent again."""

    request_id: str
    tool_name: str
    tool_use_id: str
    tool_input: Json


@dataclass(frozen=True)
class Unstored:
    """A line that changes something, but is no part of the transcript."""


@dataclass(frozen=True)
class AnswerStarted(Unstored):
    """The model begins a new message."""


@dataclass(frozen=True)
class TextDelta(Unstored):
    text: str


@dataclass(frozen=True)
class PermissionWithdrawn(Unstored):
    request_id: str


@dataclass(frozen=True)
class UnknownRequest(Unstored):
    """A control request that must be refused, or the turn never ends."""

    request_id: str
    subtype: str


@dataclass(frozen=True)
class ControlAnswer(Unstored):
    """The CLI's answer to a control request of ours, or its echo of our answer to one of its own."""

    request_id: str
    error: str
    response: Json


@dataclass(frozen=True)
class PermissionMode(Unstored):
    """The CLI's own mode changed, such as from `plan` to `default` when a plan is approved."""

    mode: str


@dataclass(frozen=True)
class PromptProgress(Unstored):
    """The delivery receipt of a prompt."""

    prompt_uuid: str
    state: str


@dataclass(frozen=True)
class Ignored(Unstored):
    """Part of the protocol that nobody needs."""


def parse(line: bytes, *, stream: str = "stdout") -> Line | Unstored:
    """Parse one line of a container's output, without its newline. Never raises."""
    text = line.decode("utf-8", errors="replace")
    payload = _storable_object(text) if stream == "stdout" else None
    if payload is None:
        return Raw("raw", {"text": text.replace("\x00", "\ufffd"), "stream": stream})
    return _parse_object(payload)


def _storable_object(text: str) -> Json | None:
    """The JSON object that `text` is; None for other text, and for what a database would refuse."""
    try:
        payload = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        return _storable(payload, depth=0) if isinstance(payload, dict) else None
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _finite(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise ValueError("a number out of range")
    return value


def _storable(value: Any, *, depth: int) -> Any:
    """Replace NUL and lone surrogates, which PostgreSQL refuses. Raises ValueError when too deep."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(item, depth=depth + 1) for item in value]
    if isinstance(value, dict):
        return {
            _storable(key, depth=depth + 1): _storable(item, depth=depth + 1)
            for key, item in value.items()
        }
    return value


def _parse_object(payload: Json) -> Line | Unstored:
    kind = _text(payload, "type")
    match kind:
        case "system":
            return _parse_system(payload)
        case "assistant":
            return AssistantBlock(kind, payload)
        case "result":
            return TurnEnded(kind, payload)
        case "stream_event":
            return _parse_stream_event(payload)
        case "control_request":
            return _parse_control_request(payload)
        case "control_cancel_request":
            return PermissionWithdrawn(_text(payload, "request_id"))
        case "control_response":
            response = _object(payload, "response")
            return ControlAnswer(
                request_id=_text(response, "request_id"),
                error=_text(response, "error"),
                response=_object(response, "response"),
            )
        case "command_lifecycle":
            return PromptProgress(_text(payload, "command_uuid"), _text(payload, "state"))
        case "keep_alive":
            return Ignored()
        case _:
            return Line("unknown" if kind in OWN_KINDS else kind[:40] or "unknown", payload)


def _parse_system(payload: Json) -> Line | Unstored:
    match payload.get("subtype"):
        case "init":
            return TurnStarted("system", payload)
        case "compact_boundary":
            return Compacted("system", payload)
        case "status":
            mode = _text(payload, "permissionMode")
            return PermissionMode(mode) if mode else Ignored()
        case _:
            return Line("system", payload)


def _parse_stream_event(payload: Json) -> Unstored:
    """Text being written by the agent itself; what its subagents write is not shown live."""
    event = _object(payload, "event")
    if payload.get("parent_tool_use_id"):
        return Ignored()
    if event.get("type") == "message_start":
        return AnswerStarted()
    delta = _object(event, "delta")
    if event.get("type") == "content_block_delta" and delta.get("type") == "text_delta":
        return TextDelta(_text(delta, "text"))
    return Ignored()


def _parse_control_request(payload: Json) -> Line | Unstored:
    request_id, request = _text(payload, "request_id"), _object(payload, "request")
    if request.get("subtype") != "can_use_tool":
        return UnknownRequest(request_id, _text(request, "subtype"))
    return ToolPermission(
        "control_request",
        payload,
        request_id=request_id,
        tool_name=_text(request, "tool_name"),
        tool_use_id=_text(request, "tool_use_id"),
        tool_input=_object(request, "input"),
    )


def bounded(payload: Json) -> Json | None:
    """The payload with long texts cut; None where it holds more values than anybody could look at."""
    room = MAX_VALUES

    def cut(value: Any) -> Any:
        nonlocal room
        room -= 1
        if room < 0:
            raise ValueError("too many values")
        if isinstance(value, str):
            return value[:MAX_TEXT_CHARACTERS]
        if isinstance(value, list):
            return [cut(item) for item in value]
        if isinstance(value, dict):
            return {key[:MAX_TEXT_CHARACTERS]: cut(item) for key, item in value.items()}
        return value

    try:
        return {key[:MAX_TEXT_CHARACTERS]: cut(item) for key, item in payload.items()}
    except ValueError:
        return None


def _text(payload: Json, key: str) -> str:
    value = payload.get(key)
    return value if isinstance(value, str) else ""


def _object(payload: Json, key: str) -> Json:
    value = payload.get(key)
    return value if isinstance(value, dict) else {}


def control_request(request_id: str, subtype: str, **fields: Any) -> bytes:
    """Ask the CLI for `initialize`, `interrupt` and the like; it answers with the same id."""
    return _encode(
        {
            "type": "control_request",
            "request_id": request_id,
            "request": {"subtype": subtype, **fields},
        }
    )


def prompt(prompt_uuid: str, text: str, images: Sequence[Json] = ()) -> bytes:
    """A prompt, with blocks of `images`.

    Its uuid makes the CLI send receipts, and drop a copy of what it has.
    """
    blocks = [*images, *([{"type": "text", "text": text}] if text else [])]
    return _encode(
        {
            "type": "user",
            "uuid": prompt_uuid,
            "message": {"role": "user", "content": blocks if images else text},
            "parent_tool_use_id": None,
            "session_id": "default",
        }
    )


def allow(request_id: str, tool_input: Json, *, answers: Mapping[str, str] | None = None) -> bytes:
    """Allow a tool with the input it asked for; `answers` go with an AskUserQuestion."""
    updated = {**tool_input, "answers": dict(answers)} if answers else tool_input
    return _answer(request_id, {"behavior": "allow", "updatedInput": updated})


def deny(request_id: str, message: str) -> bytes:
    """Refuse a tool; the model is told `message`."""
    return _answer(request_id, {"behavior": "deny", "message": message, "interrupt": False})


def refuse_request(request_id: str, subtype: str) -> bytes:
    """Answer a control request that we do not know."""
    return _encode(
        {
            "type": "control_response",
            "response": {
                "subtype": "error",
                "request_id": request_id,
                "error": f"unsupported request: {subtype[:100]}",
            },
        }
    )


def _answer(request_id: str, response: Json) -> bytes:
    return _encode(
        {
            "type": "control_response",
            "response": {"subtype": "success", "request_id": request_id, "response": response},
        }
    )


def _encode(message: Json) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
