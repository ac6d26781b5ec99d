import json
from pathlib import Path

import pytest

from agents.rows import MAX_PARTS, parts_of, summarise_input

RECORDINGS = sorted((Path(__file__).parents[1] / "data/recordings").glob("*.jsonl"))


def recorded_payloads(path):
    for text in path.read_text().splitlines():
        record = json.loads(text)
        if record["dir"] == "from_agent":
            line = record["line"]
            yield json.loads(line) if isinstance(line, str) else line


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_every_recorded_line_is_shown_or_quiet(path):
    shown = [part for line in recorded_payloads(path) for part in parts_of(line["type"], line)]
    assert {part.shape for part in shown} >= {"prompt", "turn"}


def test_there_are_recordings():
    assert len(RECORDINGS) >= 10


def shapes(kind, payload):
    return [(part.shape, part.tone) for part in parts_of(kind, payload)]


def test_assistant_blocks_become_parts():
    content = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "hello"},
        {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls\n-l"}},
        {"type": "brand_new", "x": 1},
    ]
    parts = parts_of("assistant", {"message": {"content": content}})
    assert [part.shape for part in parts] == ["thinking", "text", "tool"]
    assert (parts[2].title, parts[2].text) == ("Bash", "ls -l")


def test_prompt_and_interruption_differ():
    assert shapes("user", {"isReplay": True, "message": {"content": "do"}}) == [("prompt", "")]
    assert shapes("user", {"message": {"content": "[Request interrupted]"}}) == [("notice", "")]


def test_refused_edit_is_an_error_result():
    block = {"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": "no"}
    (part,) = parts_of("user", {"message": {"content": [block]}, "tool_use_result": "Error: no"})
    assert (part.shape, part.tone, part.text, part.tool_use_id) == ("result", "bad", "no", "t")


def test_error_is_shown_without_the_tags_of_the_cli():
    content = "<tool_use_error>No such tool</tool_use_error>"
    block = {"type": "tool_result", "is_error": True, "content": content}
    (part,) = parts_of("user", {"message": {"content": [block]}})
    assert (part.text, part.tone) == ("No such tool", "bad")


def test_edit_result_carries_its_diff():
    block = {"type": "tool_result", "tool_use_id": "t", "content": "done"}
    result = {"filePath": "a", "structuredPatch": [{"lines": ["+x"]}]}
    (part,) = parts_of("user", {"message": {"content": [block]}, "tool_use_result": result})
    assert (part.diff.added, part.text) == (1, "")


@pytest.mark.parametrize(
    ("payload", "title", "tone"),
    [
        ({"is_error": False, "duration_ms": 900}, "Turn finished", "good"),
        ({"is_error": True, "result": "API Error: 403"}, "Turn failed", "bad"),
        ({"is_error": True, "terminal_reason": "aborted_streaming"}, "Interrupted", "warn"),
    ],
)
def test_turn_ends(payload, title, tone):
    (part,) = parts_of("result", payload)
    assert (part.title, part.tone) == (title, tone)


def test_retries_are_shown_and_other_system_lines_are_quiet():
    (part,) = parts_of("system", {"subtype": "api_retry", "attempt": 2, "error_status": 529})
    assert "attempt 2, status 529" in part.text
    assert parts_of("system", {"subtype": "init"}) == ()


def test_lines_of_our_own_are_shown():
    assert shapes("raw", {"text": "oops", "stream": "stderr"}) == [("raw", "")]
    assert shapes("cam", {"text": "Session 1 ended."}) == [("notice", "")]
    (part,) = parts_of("oversized", {"bytes": 1234567, "text": "head"})
    assert ("1,234,567 bytes" in part.text, part.detail) == (True, "head")


def tool(name, **given):
    block = {"type": "tool_use", "id": "t", "name": name, "input": given}
    (part,) = parts_of("assistant", {"message": {"content": [block]}})
    return part


def test_todo_list_has_its_states():
    todos = [
        {"content": "Read", "status": "completed"},
        {"content": "Write", "status": "in_progress"},
        {"content": "Test", "status": "brand new"},
        {"no": "content"},
    ]
    part = tool("TodoWrite", todos=todos)
    assert [(todo.text, todo.state) for todo in part.todos] == [
        ("Read", "completed"),
        ("Write", "in_progress"),
        ("Test", "pending"),
    ]
    assert (part.shape, part.done_count) == ("todos", 1)


def test_plan_and_questions_are_read():
    plan = tool("ExitPlanMode", plan="# First\nlook")
    assert (plan.shape, plan.text) == ("plan", "# First\nlook")
    asked = tool("AskUserQuestion", questions=[{"question": "Which?", "options": [{"label": "A"}]}])
    assert (asked.shape, asked.questions[0].key) == ("questions", "Which?")


@pytest.mark.parametrize("given", [{}, {"todos": "x"}, {"plan": 1}, {"questions": [1]}])
@pytest.mark.parametrize("name", ["TodoWrite", "ExitPlanMode", "AskUserQuestion"])
def test_malformed_input_is_shown_as_it_is(name, given):
    assert tool(name, **given).shape == "tool"


def test_answers_are_told_of_a_question():
    block = {"type": "tool_result", "tool_use_id": "t", "content": "User has answered"}
    result = {"questions": [], "answers": {"Which?": "A"}}
    (part,) = parts_of("user", {"message": {"content": [block]}, "tool_use_result": result})
    assert (part.shape, part.answers[0].question, part.answers[0].answer) == (
        "answers",
        "Which?",
        "A",
    )


def test_images_of_a_result_and_of_a_prompt():
    image = {"type": "image", "source": {"type": "stored", "number": 0}}
    block = {"type": "tool_result", "tool_use_id": "t", "content": [image]}
    (part,) = parts_of("user", {"message": {"content": [block]}})
    assert (part.shape, part.image, part.tool_use_id) == ("image", 0, "t")
    gone = {"type": "image", "source": {"type": "dropped"}}
    parts = parts_of("user", {"isReplay": True, "message": {"content": [image, gone]}})
    assert [part.shape for part in parts] == ["image", "notice"]


@pytest.mark.parametrize("kind", ["assistant", "user", "result", "system", "raw", "cam", "new"])
@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "text",
        7,
        {},
        {"message": None},
        {"message": {"content": 3}},
        {"message": {"content": [None, 1, {"type": None}, {"type": "text", "text": 5}]}},
        {"message": {"content": [{"type": "tool_use", "name": None, "input": [1]}]}},
        {"message": {"content": [{"type": "tool_result", "content": [None, {"type": "image"}]}]}},
        {"subtype": "api_retry", "attempt": {"a": 1}},
        {"is_error": True, "errors": [{"deep": [1]}], "duration_ms": float("inf")},
        {"duration_ms": "long", "num_turns": "many", "text": None},
    ],
)
def test_malformed_payloads_are_tolerated(kind, payload):
    assert isinstance(parts_of(kind, payload), tuple)


def test_a_line_of_many_blocks_is_bounded():
    content = [{"type": "text", "text": "x"}] * 1000
    assert len(parts_of("assistant", {"message": {"content": content}})) == MAX_PARTS


def test_summary_is_one_bounded_line():
    summary = summarise_input({"command": "a\n\u202eb " * 500})
    assert "\n" not in summary
    assert "⟨U+202E⟩" in summary
    assert len(summary) <= 301


def test_a_duration_that_no_float_holds_is_left_out():
    (part,) = parts_of("result", {"duration_ms": 10**400})
    assert part.text == ""
