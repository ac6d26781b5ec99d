"""One line of an agent's output as Markdown, whole. Pure; tolerates any payload.

What an agent writes is hostile: it must not be able to end its own block, to pass for somebody
else's words, or to have a reader's program load or run anything. Its prose is quoted, every line of
it; prose with HTML, images or script links, and all that is no prose, is fenced.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt

from agents.blocks import message_blocks, result_text
from agents.rendering import plain

BACKTICKS = re.compile(r"`+")
PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&])")
SCRIPT_LINK = re.compile(r"(?:javascript|vbscript|data)\s*:", re.IGNORECASE)
MAX_PARSED_CHARACTERS = 20_000
ACTIVE_TOKENS = {"html_block", "html_inline", "image"}

_parser = MarkdownIt("commonmark", {"html": True})


@dataclass(frozen=True)
class Block:
    """A piece of the file; `tool_use_id` is there for what a tool answered."""

    text: str
    tool_use_id: str = ""


def escape(text: str) -> str:
    """A name or title on one line, with nothing in it that Markdown reads."""
    return PUNCTUATION.sub(r"\\\1", " ".join(plain(text).split()))


def fence(text: str, language: str = "") -> str:
    """A block that its content cannot end: the fence is longer than any run of backticks in it."""
    content = plain(text)
    longest = max((len(run) for run in BACKTICKS.findall(content)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{content}\n{ticks}\n"


def quote(text: str) -> str:
    """Prose as a quotation; fenced where a program that shows it might load or run something."""
    content = plain(text)
    if is_active(content):
        return fence(content)
    return "".join(f"> {line}".rstrip() + "\n" for line in content.split("\n"))


def is_active(text: str) -> bool:
    """Does it hold HTML, an image or a script link? What is too long to be read is taken for it."""
    if SCRIPT_LINK.search(text):
        return True
    if "<" not in text and "![" not in text:
        return False
    if len(text) > MAX_PARSED_CHARACTERS:
        return True
    tokens = _parser.parse(text)
    inner = (child for token in tokens for child in token.children or ())
    return any(token.type in ACTIVE_TOKENS for token in (*tokens, *inner))


def blocks_of(kind: str, payload: object) -> list[Block]:
    """What a line has for the file; nothing for lines that say nothing to a reader."""
    if not isinstance(payload, Mapping):
        return []
    match kind:
        case "assistant":
            return list(_read_assistant(payload))
        case "user":
            return list(_read_user(payload))
        case "result":
            return [Block(_describe_turn(payload))]
        case "raw" | "oversized":
            return [Block(f"### Other output\n\n{fence(str(payload.get('text', '')))}")]
        case "cam":
            return [Block(f"*{escape(str(payload.get('text', '')))}*\n")]
    return []


def _read_assistant(payload: Mapping[str, Any]) -> Iterator[Block]:
    for block in message_blocks(payload):
        match block.get("type"):
            case "text" if _text(block, "text"):
                yield Block(f"## Agent\n\n{quote(_text(block, 'text'))}")
            case "thinking" if _text(block, "thinking"):
                yield Block(f"## Agent, thinking\n\n{quote(_text(block, 'thinking'))}")
            case "tool_use" | "server_tool_use":
                name = escape(str(block.get("name", "tool")))
                shown = json.dumps(block.get("input"), indent=2, ensure_ascii=False, default=str)
                yield Block(f"### Uses {name}\n\n{fence(shown, 'json')}")


def _read_user(payload: Mapping[str, Any]) -> Iterator[Block]:
    is_prompt = payload.get("isReplay") is True
    for block in message_blocks(payload):
        match block.get("type"):
            case "tool_result":
                title = "Error" if block.get("is_error") is True else "Result"
                text = fence(result_text(block.get("content")))
                yield Block(f"### {title}\n\n{text}", str(block.get("tool_use_id", "")))
            case "text" if _text(block, "text"):
                title = "Prompt" if is_prompt else "Note"
                yield Block(f"## {title}\n\n{quote(_text(block, 'text'))}")
            case "image":
                yield Block("*An image went with the prompt.*\n")


def _text(block: Mapping[str, Any], name: str) -> str:
    value = block.get(name)
    return value if isinstance(value, str) and value.strip() else ""


def _describe_turn(payload: Mapping[str, Any]) -> str:
    if str(payload.get("terminal_reason", "")).startswith("aborted"):
        return "*The turn was interrupted.*\n\n---\n"
    if payload.get("is_error") is True:
        detail = payload.get("result") or payload.get("errors") or payload.get("subtype") or ""
        return f"*The turn failed.*\n\n{fence(str(detail))}\n---\n"
    return "*The turn is finished.*\n\n---\n"
