"""What a file of a workspace shows: text in colours, a picture, or that it is neither. Pure."""

import codecs
from dataclasses import dataclass
from typing import Literal

from agents.highlighting import Line, highlight_lines
from agents.images import media_type_of
from agents.rendering import MAX_MARKDOWN_CHARACTERS

MAX_TEXT_BYTES = 256 * 1024
MAX_PICTURE_BYTES = 20 * 1024 * 1024
MAX_LINES = 5_000
MAX_LINE_CHARACTERS = 2_000
MARKDOWN = (".md", ".markdown")

Kind = Literal["text", "markdown", "picture", "large-picture", "binary", "empty"]


@dataclass(frozen=True)
class FileView:
    """`is_cut`: what is shown is the beginning only."""

    kind: Kind
    lines: tuple[Line, ...] = ()
    markdown: str = ""
    is_cut: bool = False


def view_file(path: str, head: bytes, size_bytes: int, *, as_source: bool = False) -> FileView:
    """`head` is how the file begins: MAX_TEXT_BYTES of it, or all."""
    if not head:
        return FileView("empty")
    if media_type_of(head):
        return FileView("picture" if size_bytes <= MAX_PICTURE_BYTES else "large-picture")
    text = _decode(head, is_all=len(head) >= size_bytes)
    if text is None:
        return FileView("binary")
    if path.lower().endswith(MARKDOWN) and not as_source:
        is_cut = len(head) < size_bytes or len(text) > MAX_MARKDOWN_CHARACTERS
        return FileView("markdown", markdown=text, is_cut=is_cut)
    lines = text.removesuffix("\n").split("\n")
    shown = [_cut(line) for line in lines[:MAX_LINES]]
    is_cut = len(head) < size_bytes or len(lines) > MAX_LINES
    return FileView("text", tuple(highlight_lines(shown, path)), is_cut=is_cut)


def _cut(line: str) -> str:
    left_out = len(line) - MAX_LINE_CHARACTERS
    return f"{line[:MAX_LINE_CHARACTERS]}… {left_out:,} more characters" if left_out > 0 else line


def _decode(head: bytes, *, is_all: bool) -> str | None:
    """UTF-8 text, its last character perhaps cut; None for anything else."""
    if b"\0" in head:
        return None
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=is_all)
    except UnicodeDecodeError:
        return None
