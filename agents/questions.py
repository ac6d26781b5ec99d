"""The questions of an AskUserQuestion, and what was answered. Pure; tolerates any input."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from agents.rendering import plain

MAX_QUESTIONS = 10
MAX_OPTIONS = 20
MAX_ANSWER_CHARACTERS = 2_000


@dataclass(frozen=True)
class Option:
    label: str
    description: str


@dataclass(frozen=True)
class Question:
    """`key` is the question as it was received: the answers are keyed by it."""

    key: str
    header: str
    options: tuple[Option, ...]
    takes_many: bool


@dataclass(frozen=True)
class Answer:
    question: str
    answer: str


def parse_questions(tool_name: str, tool_input: object) -> tuple[Question, ...]:
    """The questions of an AskUserQuestion; () for anything else."""
    if tool_name != "AskUserQuestion" or not isinstance(tool_input, Mapping):
        return ()
    raw = tool_input.get("questions")
    asked = [item for item in raw if isinstance(item, Mapping)] if isinstance(raw, list) else []
    return tuple(
        _parse_question(item)
        for item in asked[:MAX_QUESTIONS]
        if isinstance(item.get("question"), str)
    )


def parse_answers(result: object) -> tuple[Answer, ...]:
    """What was answered, out of the `tool_use_result` of an AskUserQuestion; () for anything else."""
    answers = result.get("answers") if isinstance(result, Mapping) else None
    if not isinstance(answers, Mapping):
        return ()
    return tuple(
        Answer(str(question)[:MAX_ANSWER_CHARACTERS], str(words)[:MAX_ANSWER_CHARACTERS])
        for question, words in islice(answers.items(), MAX_QUESTIONS)
    )


def _parse_question(raw: Mapping[str, Any]) -> Question:
    options = raw.get("options")
    return Question(
        key=raw["question"],
        header=plain(str(raw.get("header") or ""))[:100],
        options=tuple(
            Option(str(item.get("label", ""))[:500], str(item.get("description") or "")[:1000])
            for item in (options if isinstance(options, list) else [])[:MAX_OPTIONS]
            if isinstance(item, Mapping)
        ),
        takes_many=raw.get("multiSelect") is True,
    )
