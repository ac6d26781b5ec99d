"""Images that travel in an agent's lines. They are kept apart: a page reads hundreds of lines. Pure."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agents.blocks import blocks_in, message_blocks

MAX_IMAGES = 20
SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Image:
    """`number` counts the images of one line, from 0."""

    number: int
    media_type: str
    data: bytes


def media_type_of(data: bytes) -> str | None:
    """By its first bytes, never by what somebody calls it; None where browsers need not show it."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((name for start, name in SIGNATURES if data.startswith(start)), None)


def take_images(payload: Json) -> list[Image]:
    """Take the images out of a `user` line: each block's source then names a number instead.

    What is no image, or one too many, is dropped.
    """
    found: list[Image] = []
    for block in _image_blocks(payload):
        data = _decode(block.get("source"))
        media_type = media_type_of(data)
        if media_type is None or len(found) == MAX_IMAGES:
            block["source"] = {"type": "dropped"}
            continue
        block["source"] = {"type": "stored", "number": len(found), "media_type": media_type}
        found.append(Image(len(found), media_type, data))
    _drop_copy(payload)
    return found


def image_number(block: object) -> int | None:
    """The number that `take_images` gave to a block's image; None where it has none."""
    match block:
        case {"source": {"type": "stored", "number": int(number)}} if 0 <= number < MAX_IMAGES:
            return number
    return None


def image_block(media_type: str, data: bytes) -> Json:
    """As a prompt carries it to the CLI."""
    encoded = base64.b64encode(data).decode()
    source = {"type": "base64", "media_type": media_type, "data": encoded}
    return {"type": "image", "source": source}


def _image_blocks(payload: Json) -> Iterator[Json]:
    """Those of the message and of its tools' results."""
    for block in message_blocks(payload):
        if block.get("type") == "image":
            yield block
        elif block.get("type") == "tool_result":
            yield from (b for b in blocks_in(block.get("content")) if b.get("type") == "image")


def _decode(source: object) -> bytes:
    data = source.get("data") if isinstance(source, dict) else None
    try:
        return base64.b64decode(data, validate=True) if isinstance(data, str) else b""
    except (binascii.Error, ValueError):
        return b""


def _drop_copy(payload: Json) -> None:
    """The CLI tells of an image that it read twice: in the result's blocks, and beside them."""
    result = payload.get("tool_use_result")
    file = result.get("file") if isinstance(result, dict) else None
    if isinstance(file, dict) and "base64" in file:
        file["base64"] = ""
