"""Source code in colours: the language by the file's name, the text as lines of spans. Pure.

Pygments' languages are those of `rendering`, and so are the texts that it is spared.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import PurePosixPath

from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES

from agents.rendering import LANGUAGES, SLOW_TO_HIGHLIGHT, Span, plain_line

MAX_CHARACTERS = 100_000
# A piece is coloured on its own, so that time grows with the text and not with its square.
PIECE_CHARACTERS = 20_000
LANGUAGE_BY_NAME = {"dockerfile": "dockerfile", "makefile": "make", "gnumakefile": "make"}
LANGUAGE_BY_SUFFIX = {
    **{f".{name}": name for name in LANGUAGES},
    **dict.fromkeys((".pyi", ".pyw"), "python"),
    **dict.fromkeys((".cjs", ".mjs"), "javascript"),
    **dict.fromkeys((".bashrc", ".zsh", ".ksh"), "bash"),
    **dict.fromkeys((".cfg", ".conf", ".service"), "ini"),
    **dict.fromkeys((".htm", ".xhtml"), "html"),
    **dict.fromkeys((".svg", ".xsd", ".xsl"), "xml"),
    **dict.fromkeys((".patch",), "diff"),
    **dict.fromkeys((".mk",), "make"),
    **dict.fromkeys((".kt", ".kts"), "kotlin"),
    **dict.fromkeys((".mts", ".cts"), "typescript"),
    **dict.fromkeys((".jsonl", ".json5", ".webmanifest"), "json"),
}

Line = tuple[Span, ...]


def language_of(path: str) -> str | None:
    """By the name alone; None for a language that is not known, or slow."""
    name = PurePosixPath(path).name.lower()
    return LANGUAGE_BY_NAME.get(name) or LANGUAGE_BY_SUFFIX.get(PurePosixPath(name).suffix)


def highlight_lines(lines: Sequence[str], path: str) -> list[Line]:
    """Each line as spans; one span without a class where the language or the text forbid colours.

    Hidden characters are spelled out.
    """
    shown = [plain_line(line) for line in lines]
    language = language_of(path)
    if language is None or _is_slow(shown):
        return [(Span(line),) for line in shown]
    coloured = [line for piece in _pieces(shown) for line in _highlight(piece, language)]
    # What a person answers must be what is there, whatever a lexer makes of it.
    return [
        spans if "".join(span.text for span in spans) == text else (Span(text),)
        for spans, text in zip(coloured, shown, strict=True)
    ]


def _is_slow(lines: Sequence[str]) -> bool:
    text = "\n".join(lines)
    return len(text) > MAX_CHARACTERS or SLOW_TO_HIGHLIGHT.search(text) is not None


def _pieces(lines: Sequence[str]) -> Iterator[list[str]]:
    piece: list[str] = []
    room = PIECE_CHARACTERS
    for line in lines:
        if room < len(line) and piece:
            yield piece
            piece, room = [], PIECE_CHARACTERS
        piece.append(line)
        room -= len(line) + 1
    if piece:
        yield piece


def _highlight(lines: Sequence[str], language: str) -> Iterator[Line]:
    """Exactly as many lines as were given."""
    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    found: list[list[Span]] = [[]]
    for token, text in lexer.get_tokens("\n".join(lines)):
        classes = STANDARD_TYPES.get(token, "")
        for number, part in enumerate(text.split("\n")):
            if number:
                found.append([])
            if part:
                found[-1].append(Span(part, classes))
    found += [[] for _ in range(len(lines) - len(found))]
    return (_merge(line) for line in found[: len(lines)])


def _merge(spans: Sequence[Span]) -> Line:
    """Neighbours of one colour as one span."""
    groups = groupby(spans, key=lambda span: span.classes)
    return tuple(Span("".join(span.text for span in group), name) for name, group in groups)
