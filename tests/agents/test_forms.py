import pytest
from django.http import QueryDict

from agents.forms import AnswersForm, DecisionForm, LaunchForm, PromptForm, first_error
from agents.questions import parse_questions

QUESTIONS = parse_questions(
    "AskUserQuestion",
    {
        "questions": [
            {"question": "Which?", "options": [{"label": "A"}, {"label": "B"}]},
            {"question": "Many?", "options": [{"label": "C"}, {"label": "D"}], "multiSelect": True},
        ]
    },
)


def answers(query):
    return AnswersForm(QueryDict(query), QUESTIONS)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("answer-0=1&answer-1=0&answer-1=1", {"Which?": "B", "Many?": "C, D"}),
        ("other-0=mine&answer-1=1&other-1=too", {"Which?": "mine", "Many?": "D, too"}),
    ],
)
def test_answers_are_keyed_by_question(query, expected):
    form = answers(query)
    assert form.is_valid()
    assert form.answers == expected


@pytest.mark.parametrize(
    "query", ["", "answer-0=1", "answer-0=9&answer-1=0", "answer-0=A&answer-1=0", "other-0=%20"]
)
def test_missing_or_unknown_answers_are_refused(query):
    form = answers(query)
    assert not form.is_valid()
    assert first_error(form)


@pytest.mark.parametrize("tool_input", [None, [], {}, {"questions": 1}, {"questions": [1, {}]}])
def test_malformed_questions_are_none(tool_input):
    assert parse_questions("AskUserQuestion", tool_input) == ()


def test_other_tools_ask_no_questions():
    assert parse_questions("Bash", {"questions": [{"question": "x"}]}) == ()


@pytest.mark.parametrize("decision", ["once", "turn", "session", "deny"])
def test_decisions(decision):
    form = DecisionForm({"decision": decision})
    assert form.is_valid()
    assert form.is_denial == (decision == "deny")


@pytest.mark.parametrize(
    "data", [{}, {"decision": "always"}, {"decision": "deny", "message": "x" * 6000}]
)
def test_bad_decisions(data):
    assert not DecisionForm(data).is_valid()


def test_prompt_keeps_its_spaces():
    form = PromptForm({"text": "  x\n"})
    assert form.is_valid()
    assert form.cleaned_data["text"].startswith("  x")


@pytest.mark.parametrize("text", ["x", "1; DROP TABLE", "00000000-0000-0000-0000-00000000000g"])
def test_pictures_of_a_prompt_are_ids(text):
    assert not PromptForm({"text": "look", "screenshots": [text]}).is_valid()


@pytest.mark.parametrize(
    "wrong", [{"workspace": ""}, {"model": "gpt"}, {"edit_mode": "turn"}, {"name": "x" * 101}]
)
def test_launch_form_refuses(wrong, settings):
    good = {"workspace": "/a", "model": settings.CAM_MODELS[0], "edit_mode": "ask"}
    assert LaunchForm(good).is_valid()
    assert not LaunchForm(good | wrong).is_valid()
