"""What an agent is doing, in words, from its latest line. Pure; tolerates any payload."""

from collections.abc import Mapping
from typing import Any

from agents.rendering import cut, plain
from agents.rows import summarise_input

MAX_ACTIVITY_CHARACTERS = 200
VERBS = {
    **dict.fromkeys(("Edit", "Write", "NotebookEdit", "MultiEdit"), "Editing"),
    **dict.fromkeys(("Grep", "Glob", "WebSearch"), "Searching"),
    **dict.fromkeys(("Agent", "Task"), "Has a subagent at work:"),
    "Read": "Reading",
    "Bash": "Running",
    "WebFetch": "Fetching",
    "TodoWrite": "Planning",
    "AskUserQuestion": "Asking",
    "ExitPlanMode": "Proposing a plan",
}


def describe_activity(kind: str, payload: Mapping[str, Any]) -> str | None:
    """What the agent does from this line on; None where the line changes nothing of that."""
    match kind:
        case "assistant":
            return _describe_block(_last_block(payload))
        case "user" if payload.get("isReplay") is True:
            return "Thinking"
        case "result":
            return _describe_end(payload)
    return None


def _last_block(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    message = payload.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    last = content[-1] if isinstance(content, list) and content else None
    return last if isinstance(last, Mapping) else {}


def _describe_block(block: Mapping[str, Any]) -> str | None:
    match block.get("type"):
        case "text":
            return _short("Writing:", str(block.get("text", "")))
        case "thinking":
            return "Thinking"
        case "tool_use":
            name = str(block.get("name", "a tool"))
            return _short(VERBS.get(name, f"Using {name}"), summarise_input(block.get("input")))
    return None


def _describe_end(payload: Mapping[str, Any]) -> str:
    if str(payload.get("terminal_reason", "")).startswith("aborted"):
        return "Interrupted"
    verdict = "Failed:" if payload.get("is_error") is True else "Finished:"
    return _short(verdict, str(payload.get("result") or "")).rstrip(":")


def _short(verb: str, words: str) -> str:
    """On one line."""
    line = " ".join(plain(f"{verb} {words[: 2 * MAX_ACTIVITY_CHARACTERS]}").split())
    shown, left_out = cut(line, MAX_ACTIVITY_CHARACTERS - 1)
    return f"{shown}…" if left_out else shown
