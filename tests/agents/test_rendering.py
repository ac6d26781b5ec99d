import time

import pytest

from agents.rendering import (
    MAX_MARKDOWN_CHARACTERS,
    MAX_SPANS,
    Span,
    make_visible,
    markdown_to_html,
    plain,
    terminal,
)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](http://evil.example/pixel.png)",
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>)",
        "[x](https://a.example 'onmouseover=alert(1)')",
        "<div hx-get='/agents/' hx-trigger='load'>",
        "<p class='button' id='transcript' style='color:red'>",
        "```py onclick=alert(1)\n<b>\n```",
        '```"><script>alert(1)</script>\n```',
        "| a |\n|:-:|\n| <iframe src=//e.example> |",
        '<https://a.example/"onclick=alert(1)>',
    ],
)
def test_hostile_markdown_is_inert(text):
    html = markdown_to_html(text)
    for tag in ("<script", "<img", "<iframe", "<div", "<p class"):
        assert tag not in html
    for attribute in (" onclick=", " style=", " id=", " hx-get=", 'href="javascript', 'href="data'):
        inside = [piece for piece in html.split("<") if attribute in piece.split(">")[0]]
        assert inside == []


def test_links_are_marked_and_open_elsewhere():
    html = markdown_to_html("[x](https://a.example) [y](mailto:a@b.example)")
    assert html.count('rel="noopener nofollow ugc"') == 2
    assert html.count('target="_blank"') == 2


@pytest.mark.parametrize("scheme", ["ftp", "tel", "javascript", "file", "data"])
def test_other_schemes_lead_nowhere(scheme):
    assert "href" not in markdown_to_html(f"[x]({scheme}:a)")


def test_images_are_links_and_load_nothing():
    html = markdown_to_html("![cat](https://a.example/cat.png)")
    assert 'href="https://a.example/cat.png"' in html
    assert "<img" not in html


def test_markdown_has_tables_and_coloured_code():
    html = markdown_to_html("|a|\n|-|\n|1|\n\n```python\nprint(1)\n```")
    assert "<td>1</td>" in html
    assert '<span class="nb">print</span>' in html


def test_long_markdown_is_cut():
    assert (
        len(markdown_to_html("a" * (MAX_MARKDOWN_CHARACTERS + 500))) < MAX_MARKDOWN_CHARACTERS + 50
    )


@pytest.mark.parametrize("code", [0, 7, 0x1B, 0x7F, 0x9B, 0x200B, 0x202E, 0x2066, 0xFEFF, 0xD800])
def test_hidden_characters_are_spelled_out(code):
    assert make_visible(f"a{chr(code)}b") == f"a⟨U+{code:04X}⟩b"


def test_plain_keeps_text_and_drops_sequences():
    assert plain("a\tb\r\nc\x1b[31md\x1b]0;title\x07e") == "a\tb\ncde"


def test_colours_become_classes():
    assert terminal("a\x1b[31mb\x1b[1mc\x1b[0md").spans == (
        Span("a"),
        Span("b", "ansi-red"),
        Span("c", "ansi-bold ansi-red"),
        Span("d"),
    )


@pytest.mark.parametrize(
    ("codes", "classes"),
    [
        ("38;5;9", "ansi-bright-red"),
        ("48;5;2", "ansi-on-green"),
        ("38;5;200", ""),
        ("38;2;1;2;3;4", "ansi-underline"),
        ("38", ""),
        ("38;5", ""),
        ("31;39", ""),
        ("31;44;49", "ansi-red"),
        ("1;22", ""),
        ("107", "ansi-on-bright-white"),
        ("999", ""),
        ("<script>", ""),
    ],
)
def test_colour_codes(codes, classes):
    assert terminal(f"\x1b[{codes}mx").spans[-1].classes == classes


def test_many_colours_are_bounded_and_keep_the_text():
    output = terminal("\x1b[31ma\x1b[32mb" * 1000)
    assert len(output.spans) == MAX_SPANS + 1
    assert "".join(span.text for span in output.spans) == "ab" * 1000


def test_long_output_says_what_is_left_out():
    output = terminal("x" * 120, limit=100)
    assert (output.left_out, len(output.spans[0].text)) == (20, 100)


@pytest.mark.parametrize("code", ["\t\n" * 4900, "\n" * 9800, "a" * 9800, "(" * 9800])
@pytest.mark.parametrize("language", ["autohotkey", "charmci", "c", "python", "html", "js", "sql"])
def test_a_fence_that_a_lexer_chokes_on_is_quick(language, code):
    before = time.process_time()
    markdown_to_html(f"```{language}\n{code}\n```\n")
    assert time.process_time() - before < 0.5


def test_headings_come_below_those_of_the_page():
    assert markdown_to_html("# a\n\n## b\n\n###### c") == "<h3>a</h3>\n<h4>b</h4>\n<h6>c</h6>\n"
