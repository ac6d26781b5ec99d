"""The content blocks of the protocol's messages. Pure; tolerates any payload."""

from collections.abc import Mapping
from typing import Any

Block = dict[str, Any]


def message_blocks(payload: Mapping[str, Any]) -> list[Block]:
    """The content blocks of a line's message; plain text counts as one text block."""
    message = payload.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return blocks_in(content)


def blocks_in(content: object) -> list[Block]:
    """Those very objects, not copies: what is changed in one is changed in the payload."""
    return [item for item in content if isinstance(item, dict)] if isinstance(content, list) else []


def result_text(content: object, *, leave_out: str = "") -> str:
    """What a tool gave back as text: a block of another type is named, but those of `leave_out`; the CLI's tags of an error are no part of it."""
    if isinstance(content, str):
        return content.removeprefix("<tool_use_error>").removesuffix("</tool_use_error>")
    texts = []
    for block in blocks_in(content):
        text, kind = block.get("text"), block.get("type", "block")
        if kind != leave_out:
            texts.append(text if isinstance(text, str) else f"[{kind}]")
    return "\n".join(texts)
