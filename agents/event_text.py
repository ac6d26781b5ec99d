"""What of a line the full-text search finds: what its row on the page shows. Pure."""

from collections.abc import Iterator

from agents.rendering import plain
from agents.rows import Part, parts_of

MAX_INDEXED_CHARACTERS = 20_000


def event_text(kind: str, payload: object) -> str:
    """The text of a line's row, bounded; "" where it shows nothing that is worth finding."""
    words = (text for part in parts_of(kind, payload) for text in _texts(part) if text)
    return "\n".join(words)[:MAX_INDEXED_CHARACTERS]


def _texts(part: Part) -> Iterator[str]:
    if part.shape == "turn":
        yield part.detail
        return
    if part.shape == "tool":
        yield part.title
        yield part.detail
        return
    yield plain(part.text)
    if part.diff:
        yield part.diff.path
        yield from (line.text for hunk in part.diff.hunks for line in hunk.lines)
    yield from (todo.text for todo in part.todos)
    yield from (plain(question.key) for question in part.questions)
    yield from (plain(f"{answer.question} {answer.answer}") for answer in part.answers)
