"""What the lines of a transcript say of calls and costs. Pure.

An agent can have a hand in its own output: nothing here raises, and a value that means nothing is
left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from metrics_app.pricing import COST_STEP_USD

MAX_CLI_TOTAL_USD = 1_000_000
MAX_TOOL_CALLS = 1000
SYNTHETIC_MODEL = "<synthetic>"


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """An answered message; the tool is the first that it calls.

    `subagents` are those that it starts: the tool call's id, and the subagent's type.
    """

    message_id: str
    parent_tool_use_id: str = ""
    tool_name: str = ""
    tool_use_id: str = ""
    tool_calls: int = 0
    subagents: tuple[tuple[str, str], ...] = ()

    def followed_by(self, later: "MessageFacts") -> "MessageFacts":
        """Both as one: the CLI writes a line for each block of a message."""
        first = self if self.tool_calls else later
        return MessageFacts(
            self.message_id,
            self.parent_tool_use_id or later.parent_tool_use_id,
            first.tool_name,
            first.tool_use_id,
            self.tool_calls + later.tool_calls,
            (self.subagents + later.subagents)[:MAX_TOOL_CALLS],
        )


def read_message(payload: object) -> MessageFacts | None:
    """The facts of an `assistant` line; None for one that no call can have answered."""
    message = _object(payload, "message")
    message_id = _text(message, "id", 200)
    if not message_id or message.get("model") == SYNTHETIC_MODEL:
        return None
    content = message.get("content")
    tools = [
        block
        for block in (content if isinstance(content, list) else ())
        if isinstance(block, Mapping) and block.get("type") == "tool_use"
    ]
    first = tools[0] if tools else {}
    return MessageFacts(
        message_id,
        _text(payload, "parent_tool_use_id", 100),
        _text(first, "name", 200),
        _text(first, "id", 100),
        min(len(tools), MAX_TOOL_CALLS),
        tuple(_find_subagents(tools[:MAX_TOOL_CALLS])),
    )


def _find_subagents(tools: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for tool in tools:
        tool_use_id = _text(tool, "id", 100)
        subagent = _text(_object(tool, "input"), "subagent_type", 100)
        if tool_use_id and subagent:
            yield tool_use_id, subagent


def read_cli_total(payload: object) -> Decimal | None:
    """`total_cost_usd` of a `result` line, rounded to our smallest step: the CLI counts in floats."""
    value: Any = payload.get("total_cost_usd") if isinstance(payload, Mapping) else None
    if type(value) not in (int, float) or not 0 <= value <= MAX_CLI_TOTAL_USD:
        return None
    return Decimal(str(value)).quantize(COST_STEP_USD)


def _object(payload: object, key: str) -> Mapping[str, Any]:
    value = payload.get(key) if isinstance(payload, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _text(payload: object, key: str, max_characters: int) -> str:
    value = payload.get(key) if isinstance(payload, Mapping) else None
    return value[:max_characters] if isinstance(value, str) else ""
