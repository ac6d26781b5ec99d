"""An agent's latest line, in words."""

import pytest

from agents.activity import MAX_ACTIVITY_CHARACTERS, describe_activity


def said(**block):
    return describe_activity("assistant", {"message": {"content": [block]}})


def used(name, **given):
    return said(type="tool_use", name=name, input=given)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (used("Edit", file_path="/workspace/src/cart.py"), "Editing src/cart.py"),
        (used("Bash", command="pytest -q\n# all"), "Running pytest -q # all"),
        (used("Read", file_path="/etc/hosts"), "Reading /etc/hosts"),
        (used("Agent", description="Look around"), "Has a subagent at work: Look around"),
        (used("mcp__x__y"), "Using mcp__x__y"),
        (said(type="thinking", thinking="Hm."), "Thinking"),
        (said(type="text", text="I will\nlook."), "Writing: I will look."),
        (describe_activity("user", {"isReplay": True}), "Thinking"),
        (describe_activity("result", {"result": "All done."}), "Finished: All done."),
        (describe_activity("result", {}), "Finished"),
        (describe_activity("result", {"is_error": True, "result": "No."}), "Failed: No."),
        (describe_activity("result", {"terminal_reason": "aborted_streaming"}), "Interrupted"),
    ],
)
def test_words_for_a_line(words, expected):
    assert words == expected


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("user", {"message": {"content": []}}),
        ("system", {"subtype": "init"}),
        ("assistant", {}),
        ("assistant", {"message": 7}),
        ("assistant", {"message": {"content": "text"}}),
        ("assistant", {"message": {"content": [7]}}),
        ("assistant", {"message": {"content": [{"type": ["x"]}]}}),
    ],
)
def test_lines_that_tell_nothing_change_nothing(kind, payload):
    assert describe_activity(kind, payload) is None


def test_hostile_words_are_short_and_visible():
    words = used("Bash", command="\x1b[31m\u202e" + "x" * 5000)
    assert len(words) <= MAX_ACTIVITY_CHARACTERS
    assert words.startswith("Running ⟨U+202E⟩xxx")
    assert len(used("n" * 5000, command="x")) <= MAX_ACTIVITY_CHARACTERS


@pytest.mark.parametrize("name", [{}, 7, None, ["x"]])
def test_tool_of_any_name_has_words(name):
    assert used(name, command="x").startswith("Using")
