import pytest

from agents.file_view import MAX_LINE_CHARACTERS, MAX_LINES, MAX_PICTURE_BYTES, view_file
from agents.rendering import MAX_MARKDOWN_CHARACTERS

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


@pytest.mark.parametrize("name", ["a.py", "a.txt"])
def test_line_ends_of_windows_lose_and_add_no_line(name):
    head = b"a = 1\r\nb = 2\r\n\r\nc = 3\r\n"
    assert text_of(view_file(name, head, len(head))) == ["a = 1", "b = 2", "", "c = 3"]


@pytest.mark.parametrize("name", ["a.py", "a.txt"])
@pytest.mark.parametrize("start", ["\r", "\x1b]", "\x1b[8m", "\x1b[2K", "\u2028", "\x0b", "\x85"])
def test_no_character_hides_the_rest_of_its_line(name, start):
    head = f"x = 1 #{start} y = 2 #\x07\nz = 3\n".encode()
    first, second = text_of(view_file(name, head, len(head)))
    assert first.startswith("x = 1 #⟨U+")
    assert first.endswith("y = 2 #⟨U+0007⟩")
    assert second == "z = 3"


def test_markdown_that_is_rendered_in_part_says_so():
    for length, is_cut in ((MAX_MARKDOWN_CHARACTERS, False), (MAX_MARKDOWN_CHARACTERS + 1, True)):
        assert view_file("a.md", b"x" * length, length).is_cut == is_cut


def test_picture_above_the_limit_is_not_asked_for():
    assert view_file("a.png", PNG, MAX_PICTURE_BYTES).kind == "picture"
    assert view_file("a.png", PNG, MAX_PICTURE_BYTES + 1).kind == "large-picture"
