"""Full-text search over what agents' lines show, newest first."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection
from django.db.models.expressions import RawSQL

from agents.models import EventText

MAX_WORDS = 10
MAX_FOUND = 50
SNIPPET_BEFORE_CHARACTERS = 60
SNIPPET_CHARACTERS = 240
WORD = re.compile(r"[^\W_]+")

MATCHING: Mapping[str, str] = {
    "sqlite": ("SELECT rowid FROM agents_eventtext_index WHERE agents_eventtext_index MATCH %s"),
    # The same expression as the index has, or the index is not used.
    "postgresql": (
        "SELECT event_id FROM agents_eventtext WHERE"
        " to_tsvector('simple', regexp_replace(text, '[^[:alnum:]]+', ' ', 'g'))"
        " @@ to_tsquery('simple', %s)"
    ),
}


@dataclass(frozen=True, slots=True)
class Snippet:
    before: str
    hit: str
    after: str


@dataclass(frozen=True, slots=True)
class Found:
    """A line that was found."""

    agent_id: UUID
    agent_name: str
    seq: int
    created_at: datetime
    snippet: Snippet


@dataclass(frozen=True, slots=True)
class SearchResult:
    found: tuple[Found, ...]
    has_more: bool


def search_lines(user: User, asked: str, *, agent_id: UUID | None = None) -> SearchResult:
    """At most MAX_FOUND lines that have every word, the last one as it begins. One query."""
    words = split_words(asked)
    if not words:
        return SearchResult((), has_more=False)
    texts = EventText.objects.visible_to(user)
    if agent_id is not None:
        texts = texts.filter(agent=agent_id)
    matching = RawSQL(MATCHING[connection.vendor], [_expression(words)])  # noqa: S611 (no input in it)
    rows = list(
        texts.filter(pk__in=matching)
        .order_by("-event__created_at", "-pk")
        .values_list("agent_id", "agent__name", "event__seq", "event__created_at", "text")[
            : MAX_FOUND + 1
        ]
    )
    found = tuple(
        Found(agent, name, seq, at, make_snippet(text, words))
        for agent, name, seq, at, text in rows[:MAX_FOUND]
    )
    return SearchResult(found, has_more=len(rows) > MAX_FOUND)


def split_words(asked: str) -> list[str]:
    """Letters and digits; all else separates, as it does in the index."""
    return WORD.findall(asked)[:MAX_WORDS]


def make_snippet(text: str, words: Sequence[str]) -> Snippet:
    """The text around the first word that is in it."""
    places = [found for word in words if (found := re.search(re.escape(word), text, re.IGNORECASE))]
    if not places:
        return Snippet("", "", text[:SNIPPET_CHARACTERS])
    first = min(places, key=lambda place: place.start())
    start = max(0, first.start() - SNIPPET_BEFORE_CHARACTERS)
    end = first.end() + SNIPPET_CHARACTERS
    before = ("…" if start else "") + text[start : first.start()]
    return Snippet(
        before, first.group(), text[first.end() : end] + ("…" if end < len(text) else "")
    )


def _expression(words: Sequence[str]) -> str:
    """In the database's own language; nothing but letters and digits of the words is in it."""
    if connection.vendor == "sqlite":
        return " ".join(f'"{word}"' for word in words) + "*"
    return " & ".join(words) + ":*"
