import time

import pytest

from agents.highlighting import (
    LANGUAGE_BY_SUFFIX,
    PIECE_CHARACTERS,
    highlight_lines,
    language_of,
)


def text_of(line):
    return "".join(span.text for span in line)


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("/a/cart.py", "py"),
        ("types.pyi", "python"),
        ("/a/Dockerfile", "dockerfile"),
        ("Makefile", "make"),
        ("A.JS", "js"),
        ("notes.unknown", None),
        ("README", None),
        ("", None),
    ],
)
def test_language_is_by_name(path, language):
    assert language_of(path) == language


@pytest.mark.parametrize("suffix", sorted(LANGUAGE_BY_SUFFIX))
def test_every_language_gives_back_the_lines_it_got(suffix):
    lines = ["<a b='c'> def x(): # 1", "", "  \t{ /* ", "*/ }", ""]
    assert [text_of(line) for line in highlight_lines(lines, f"x{suffix}")] == lines


@pytest.mark.parametrize("suffix", [".py", ".js", ".html", ".yaml", ".txt"])
def test_returns_within_a_line_move_no_other_line(suffix):
    found = highlight_lines(["a\r", "b\rB", "c\nC", "d"], f"x{suffix}")
    assert [text_of(line) for line in found] == ["a", "b⟨U+000D⟩B", "c⟨U+000A⟩C", "d"]


def test_words_have_their_classes():
    ((keyword, *_rest),) = highlight_lines(["def total(): pass"], "a.py")
    assert (keyword.text, keyword.classes) == ("def", "k")


def test_hidden_characters_are_spelled_out_before_colours():
    (line,) = highlight_lines(["x = '\u202e'\x1b[31m"], "a.py")
    assert "⟨U+202E⟩" in text_of(line)
    assert "\x1b" not in text_of(line)


@pytest.mark.parametrize("text", ["\t" * 10_000, "x" * 10_000, "\n" * 200, "a(" * 150_000])
def test_what_could_be_slow_is_left_plain(text):
    started = time.process_time()
    lines = highlight_lines(text.split("\n"), "a.py")
    assert {span.classes for line in lines for span in line} == {""}
    assert time.process_time() - started < 2


def test_long_files_are_coloured_piece_by_piece():
    lines = [f"value_{number} = {number}" for number in range(PIECE_CHARACTERS // 10)]
    found = highlight_lines(lines, "a.py")
    assert [text_of(line) for line in found] == lines
    assert all(len(line) > 1 for line in found)
