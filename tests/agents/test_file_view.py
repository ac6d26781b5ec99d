import pytest

from agents.file_view import MAX_LINE_CHARACTERS, MAX_LINES, view_file

PNG = b"\x89PNG\r\n\x1a\n\0\0"


def text_of(view):
    return ["".join(span.text for span in line) for line in view.lines]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "empty"),
        (b"hello\n", "text"),
        ("grüß 🎉".encode(), "text"),
        ("\ufeffBOM".encode(), "text"),
        (b"\xff\xfe\0x", "binary"),
        (b"ab\0cd", "binary"),
        (b"\xe9t\xe9", "binary"),
        (PNG, "picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "text"),
    ],
)
def test_kind_is_by_content(head, kind):
    assert view_file("/w/a", head, len(head)).kind == kind


def test_lines_are_those_of_the_file():
    assert text_of(view_file("a.py", b"a\n\n  b\n", 7)) == ["a", "", "  b"]


def test_character_that_the_end_cuts_in_two_is_no_mistake():
    head = "grüß".encode()[:-1]
    view = view_file("a", head, 1000)
    assert (view.kind, text_of(view), view.is_cut) == ("text", ["grü"], True)
    assert view_file("a", head, len(head)).kind == "binary"


def test_markdown_is_rendered_unless_its_source_is_asked_for():
    assert view_file("README.md", b"# hi", 4).markdown == "# hi"
    assert view_file("README.md", b"# hi", 4, as_source=True).kind == "text"


def test_many_and_long_lines_are_cut():
    view = view_file("a", b"x\n" * (MAX_LINES + 1), 2 * (MAX_LINES + 1))
    assert (len(view.lines), view.is_cut) == (MAX_LINES, True)
    (line,) = text_of(view_file("a", b"x" * (MAX_LINE_CHARACTERS + 5), MAX_LINE_CHARACTERS + 5))
    assert line.endswith("… 5 more characters")
