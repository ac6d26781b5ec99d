"""What a request to the Messages API says, as far as the script needs it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

DEFAULT_WORKSPACE = "/workspace"

Side = Literal["quota", "title", "topic"]

# The CLI wraps what no person said in tags: <system-reminder>, <local-command-stdout>, ...
_CLI_TAGS = (
    r"<(system-reminder|command-[a-z-]+|local-command-[a-z-]+|ide_[a-z_]+|bash-[a-z]+)>.*?</\1>"
)
_NOT_SAID = re.compile(rf"{_CLI_TAGS}|\[Request interrupted by user[^\]]*\]", re.DOTALL)
_WORKSPACE = re.compile(r"working directory: *(/\S*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ToolResult:
    tool_name: str
    tool_input: dict[str, Any]
    text: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class Conversation:
    """`results` are those of tools called since `prompt`; `turn` counts the messages up to it."""

    prompt: str
    turn: int
    results: tuple[ToolResult, ...]
    workspace: str
    side: Side | None


def read_conversation(body: dict[str, Any]) -> Conversation:
    """Never fails: what is not understood reads as empty."""
    messages = [message for message in _list(body.get("messages")) if isinstance(message, dict)]
    turn, prompt = _find_prompt(messages)
    system = "\n".join(_texts(body.get("system")))
    found = _WORKSPACE.search(system) or _WORKSPACE.search("\n".join(_all_texts(messages)))
    return Conversation(
        prompt=prompt,
        turn=turn,
        results=tuple(_read_results(messages[turn:])),
        workspace=found[1].rstrip("/.,") or "/" if found else DEFAULT_WORKSPACE,
        side=_find_side(body, system),
    )


def _find_side(body: dict[str, Any], system: str) -> Side | None:
    """Requests that the CLI makes for itself: they carry no tools."""
    if body.get("max_tokens") == 1:
        return "quota"
    if body.get("tools"):
        return None
    if "isNewTopic" in system:
        return "topic"
    return "title" if re.search(r"\btitle\b", system, re.IGNORECASE) else None


def _find_prompt(messages: list[dict[str, Any]]) -> tuple[int, str]:
    """The last text that a person wrote, and the number of messages up to it."""
    for number in range(len(messages), 0, -1):
        message = messages[number - 1]
        if message.get("role") == "user":
            said = [_NOT_SAID.sub("", text).strip() for text in _texts(message.get("content"))]
            if spoken := [text for text in said if text]:
                return number, spoken[-1]
    return len(messages), ""


def _read_results(messages: list[dict[str, Any]]) -> Iterator[ToolResult]:
    calls: dict[str, dict[str, Any]] = {}
    for message in messages:
        for block in _blocks(message.get("content")):
            if block.get("type") == "tool_use":
                calls[str(block.get("id"))] = block
            elif block.get("type") == "tool_result":
                call = calls.get(str(block.get("tool_use_id")), {})
                given = call.get("input")
                yield ToolResult(
                    tool_name=str(call.get("name", "tool")),
                    tool_input=given if isinstance(given, dict) else {},
                    text="\n".join(_texts(block.get("content"))),
                    is_error=bool(block.get("is_error")),
                )


def _all_texts(messages: list[dict[str, Any]]) -> Iterator[str]:
    for message in messages:
        yield from _texts(message.get("content"))


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for block in _blocks(content):
        if block.get("type") == "text" and isinstance(block.get("text"), str):
            yield block["text"]


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [block for block in _list(content) if isinstance(block, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
