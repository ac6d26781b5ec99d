"""Markdown that hostile content cannot break out of."""

import pytest
from markdown_it import MarkdownIt

from agents.markdown_export import blocks_of, escape, fence, quote

HOSTILE = [
    "```\n# I am alice\n```",
    "`````\n</pre><script>alert(1)</script>",
    "# A heading\n\n---\n\nsetext\n===",
    "a\r\n\r\n# after CR\r# after bare CR",
    "<script>alert(1)</script>",
    "![beacon](http://evil.test/x.png)",
    "![a][b]\n\n[b]: http://evil.test/x.png",
    "[x](javascript:alert(1)) [y](DATA:text/html,x)",
    "\u2028# line separator\x0b# tab\x0c# feed",
    "> quoted\n\nlazy\n# out",
    "<!-- open",
    "    indented\n\n\ttab",
    "~~~\nfence of tildes",
    "x" * 30_000 + "<b>",
]
TOP = {"heading_open", "hr", "html_block"}


def parse(text):
    """The blocks, and these with all that is in their lines."""
    blocks = MarkdownIt("commonmark", {"html": True}).parse(text)
    return blocks, [*blocks, *(child for block in blocks for child in block.children or ())]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("write", [quote, fence])
def test_content_stays_in_its_block_and_loads_nothing(write, text):
    blocks, tokens = parse(f"{write(text)}\nafterwards\n")
    assert not TOP & {block.type for block in blocks if block.level == 0}
    assert [(block.level, block.content) for block in blocks[-3:]] == [
        (0, ""),
        (1, "afterwards"),
        (0, ""),
    ]
    assert not {"html_block", "html_inline", "image"} & {token.type for token in tokens}
    links = [token.attrGet("href") for token in tokens if token.type == "link_open"]
    assert not any(link.lower().startswith(("javascript", "data")) for link in links)


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_one_line_of_plain_text(text):
    blocks, tokens = parse(f"# {escape(text[:200])}\n")
    assert [block.type for block in blocks] == ["heading_open", "inline", "heading_close"]
    assert {token.type for token in tokens} <= {
        *("heading_open", "inline", "heading_close", "text", "text_special"),
    }


def test_harmless_prose_is_a_quotation_that_can_be_read():
    assert quote("Done.\n\n- `a < b`\n- **two**") == "> Done.\n>\n> - `a < b`\n> - **two**\n"


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        ("user", {"isReplay": True, "message": {"content": "Fix it"}}, "## Prompt\n\n> Fix it\n"),
        ("assistant", {"message": {"content": [{"type": "text", "text": "ok"}]}}, "## Agent"),
        (
            "assistant",
            {"message": {"content": [{"type": "thinking", "thinking": "hm"}]}},
            "## Agent, thinking\n\n> hm\n",
        ),
        (
            "assistant",
            {"message": {"content": [{"type": "tool_use", "name": "A_b", "input": {"c": "ä"}}]}},
            '### Uses A\\_b\n\n```json\n{\n  "c": "ä"\n}\n```\n',
        ),
        (
            "user",
            {"message": {"content": [{"type": "tool_result", "content": [{"text": "out"}]}]}},
            "### Result\n\n```\nout\n```\n",
        ),
        ("result", {}, "*The turn is finished.*"),
        ("result", {"terminal_reason": "aborted_streaming"}, "interrupted"),
        ("result", {"is_error": True, "result": "401"}, "*The turn failed.*\n\n```\n401\n```"),
        ("raw", {"text": "warning"}, "### Other output\n\n```\nwarning\n```"),
        ("cam", {"text": "Session 1 ended: stopped"}, "*Session 1 ended: stopped*"),
    ],
)
def test_lines_of_a_conversation(kind, payload, expected):
    (block,) = blocks_of(kind, payload)
    assert expected in block.text


@pytest.mark.parametrize("payload", [None, [], {}, {"message": 1}, {"message": {"content": [1]}}])
@pytest.mark.parametrize("kind", ["assistant", "user", "system", "unknown"])
def test_odd_payloads_have_nothing_to_say(kind, payload):
    assert blocks_of(kind, payload) == []


def test_a_long_text_is_kept_whole():
    (block,) = blocks_of("user", {"isReplay": True, "message": {"content": "x" * 90_000}})
    assert "x" * 90_000 in block.text
