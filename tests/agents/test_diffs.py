import pytest

from agents import diffs
from agents.diffs import diff_of_request, diff_of_result


def lines_of(diff):
    return [f"{line.sign}{line.text}" for hunk in diff.hunks for line in hunk.lines]


def test_edit_shows_what_is_replaced():
    given = {"file_path": "/workspace/a.py", "old_string": "x\ny", "new_string": "x\nz"}
    diff = diff_of_request("Edit", given)
    assert lines_of(diff) == [" x", "-y", "+z"]
    assert (diff.path, diff.added, diff.deleted) == ("/workspace/a.py", 1, 1)


def test_edit_of_every_occurrence_says_so():
    given = {"file_path": "a", "old_string": "x", "new_string": "y", "replace_all": True}
    assert "every" in diff_of_request("Edit", given).note


def test_write_is_compared_with_the_file_as_it_is():
    given = {"file_path": "a", "content": "one\nthree\n"}
    diff = diff_of_request("Write", given, "one\ntwo\n")
    assert lines_of(diff) == [" one", "-two", "+three"]
    assert [line.old_number for line in diff.hunks[0].lines] == [1, 2, None]


def test_write_of_a_new_file_is_all_new():
    diff = diff_of_request("Write", {"file_path": "a", "content": "one\ntwo"})
    assert lines_of(diff) == ["+one", "+two"]
    assert "new file" in diff.note


def test_emptying_a_file_is_all_deleted():
    assert lines_of(diff_of_request("Write", {"content": ""}, "one\n")) == ["-one"]


def test_notebook_edit_shows_the_new_source():
    given = {"notebook_path": "a.ipynb", "cell_id": "c1", "new_source": "x", "edit_mode": "insert"}
    diff = diff_of_request("NotebookEdit", given)
    assert (diff.path, diff.note, lines_of(diff)) == ("a.ipynb", "insert cell c1", ["+x"])


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("Edit", {}),
        ("Edit", {"old_string": 1, "new_string": "x"}),
        ("Write", {"content": None}),
        ("NotebookEdit", {"new_source": []}),
        ("Bash", {"command": "ls"}),
    ],
)
def test_what_is_not_understood_gives_none(tool, given):
    assert diff_of_request(tool, given) is None


def test_result_is_drawn_from_its_patch():
    patch = {"oldStart": 4, "newStart": 5, "lines": [" a", "-b", "+c", "\\ No newline"]}
    diff = diff_of_result({"filePath": "f", "structuredPatch": [patch]})
    assert lines_of(diff) == [" a", "-b", "+c", "  No newline"]
    numbers = [(line.old_number, line.new_number) for line in diff.hunks[0].lines]
    assert numbers == [(4, 5), (5, None), (None, 6), (None, None)]


def test_created_file_is_drawn_from_its_content():
    diff = diff_of_result({"type": "create", "structuredPatch": [], "content": "x"})
    assert (lines_of(diff), diff.note) == (["+x"], "new file")


@pytest.mark.parametrize(
    "result",
    [None, "Error", 1, [], {}, {"structuredPatch": None}, {"structuredPatch": "x"}],
)
def test_other_results_have_no_diff(result):
    assert diff_of_result(result) is None


def test_malformed_hunks_are_passed_over():
    patch = [1, {}, {"lines": 3}, {"oldStart": "x", "lines": [None, "+a"]}]
    assert lines_of(diff_of_result({"structuredPatch": patch})) == [" one", "+a"]


def test_long_diffs_are_cut_and_counted(monkeypatch):
    monkeypatch.setattr(diffs, "MAX_DIFF_LINES", 10)
    diff = diff_of_request("Write", {"content": "\n".join("abcdefghijklmno")})
    assert (len(lines_of(diff)), diff.left_out, diff.added) == (10, 5, 15)


def test_long_texts_and_lines_stay_bounded():
    old, new = "a\n" * 9000, "b\n" * 9000
    diff = diff_of_request("Edit", {"old_string": old, "new_string": new + "x" * 9000})
    assert len(lines_of(diff)) == diffs.MAX_DIFF_LINES
    one = diff_of_request("Write", {"content": "y" * 9000})
    assert lines_of(one)[0].endswith("8500 more characters")


def test_hidden_characters_in_a_diff_are_spelled_out():
    diff = diff_of_request("Write", {"file_path": "a\u202e.py", "content": "x\u202ey"})
    assert lines_of(diff) == ["+x⟨U+202E⟩y"]
    assert diff.path == "a⟨U+202E⟩.py"


@pytest.mark.parametrize("path", ["a.py", "a.txt"])
def test_line_ends_of_windows_move_no_line_of_a_diff(path):
    edit = {
        "file_path": path,
        "old_string": "a\r\nb\r\nc\r\n",
        "new_string": "a\r\nd\r\nc\r\ne\r\n",
    }
    (hunk,) = diff_of_request("Edit", edit).coloured_hunks
    shown = [
        (line.kind, "".join(span.text for span in line.spans) or line.text) for line in hunk.lines
    ]
    assert shown == [("keep", "a"), ("delete", "b"), ("add", "d"), ("keep", "c"), ("add", "e")]


@pytest.mark.parametrize("path", ["a.py", "a.txt"])
@pytest.mark.parametrize("start", ["\r", "\x1b]", "\x1b[8m", "\x1b[2K"])
def test_no_character_hides_the_rest_of_its_line_in_a_diff(path, start):
    edit = {"file_path": path, "content": f"x = 1 #{start} evil()\nz"}
    (hunk,) = diff_of_request("Write", edit).coloured_hunks
    first, second = (line.text for line in hunk.lines)
    assert first == f"x = 1 #⟨U+{ord(start[0]):04X}⟩{start[1:]} evil()"
    assert second == "z"


def test_colours_are_made_for_pages_alone():
    diff = diff_of_request("Write", {"file_path": "a.py", "content": "def total(): pass"})
    assert [line.spans for hunk in diff.hunks for line in hunk.lines] == [()]
    ((line,),) = [hunk.lines for hunk in diff.coloured_hunks]
    assert (line.spans[0].text, line.spans[0].classes) == ("def", "k")
