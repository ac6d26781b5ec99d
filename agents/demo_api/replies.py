"""What the script can answer with."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    text: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    name: str
    input: dict[str, Any]


Block = Text | Thinking | ToolUse
Fault = Literal["cut", "malformed", "overload"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A message. `stall_seconds` pass before its first byte; `fault` says how its stream breaks.

    `fails` is the number of tries that break, None all of them.
    """

    blocks: tuple[Block, ...]
    fault: Fault | None = None
    fails: int | None = None
    stall_seconds: float = 0.0

    @property
    def stop_reason(self) -> str:
        calls_tool = any(isinstance(block, ToolUse) for block in self.blocks)
        return "tool_use" if calls_tool else "end_turn"


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error status; `fails` is the number of tries that get it, None all of them."""

    status: int
    message: str
    fails: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        return ERROR_TYPES[self.status]


ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
