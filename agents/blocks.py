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
