"""Agent text made safe to show: markdown, terminal colours, control characters. Pure.

What an agent writes is hostile. Markdown is parsed with HTML off and its result is sanitised again;
terminal output becomes spans that a template writes; hidden characters are spelled out.
"""

import re
from dataclasses import dataclass

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES

MAX_MARKDOWN_CHARACTERS = 20_000
PAGE_HEADINGS = 2
MAX_HIGHLIGHTED_CHARACTERS = 5_000
# Pygments' patterns go back and forth for a minute over 10 KB of tabs in some of its languages, and the
# whole process with them. These were tried, and texts without a long run or line are no trouble to them.
LANGUAGES = frozenset(
    (
        *("bash", "console", "css", "diff", "dockerfile", "go", "html", "ini", "javascript"),
        *("js", "json", "jsx", "kotlin", "make", "php", "py", "python", "rb", "rs", "ruby"),
        *("rust", "scss", "sh", "shell", "sql", "swift", "toml", "ts", "tsx", "typescript"),
        *("xml", "yaml", "yml"),
    )
)
SLOW_TO_HIGHLIGHT = re.compile(r"\s{80}|[^\n]{400}|(?:[^\n]{0,3}\n){80}")
MAX_TERMINAL_CHARACTERS = 20_000
MAX_SPANS = 400

# Terminal sequences: CSI, OSC and the other strings, then any two-character escape.
ESCAPE = re.compile(
    r"\x1b\[([0-?]*)[ -/]*([@-~])|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -~]?"
)
# C0 and C1 but tab and newline; marks, embeddings and isolates of direction; invisible characters.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
STYLES = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 9: "strike"}
STYLES_OFF = {22: {"bold", "dim"}, 23: {"italic"}, 24: {"underline"}, 29: {"strike"}}

TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li"),
    *("strong", "em", "s", "a", "code", "pre", "span"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
PYGMENTS_CLASSES = {name for name in STANDARD_TYPES.values() if name}


@dataclass(frozen=True)
class Span:
    """A run of terminal text and the classes of its colours, such as `ansi-red ansi-bold`."""

    text: str
    classes: str = ""


@dataclass(frozen=True)
class Terminal:
    spans: tuple[Span, ...]
    left_out: int = 0


def cut(text: str, limit: int) -> tuple[str, int]:
    """At most `limit` characters, and how many were left out."""
    return text[:limit], max(0, len(text) - limit)


def make_visible(text: str) -> str:
    """Spell out characters that hide, reorder or ring: a right-to-left override is `⟨U+202E⟩`."""
    return HIDDEN.sub(lambda match: f"⟨U+{ord(match.group()):04X}⟩", text)


def plain_line(line: str) -> str:
    """A line of a file, all of it: nothing is left out, and line ends within it are spelled out too."""
    return make_visible(line.removesuffix("\r")).replace("\n", "⟨U+000A⟩")


def plain(text: str) -> str:
    """Without terminal sequences, line ends made one kind, hidden characters spelled out."""
    return make_visible(ESCAPE.sub("", text).replace("\r\n", "\n").replace("\r", "\n"))


def markdown_to_html(text: str) -> str:
    """Safe HTML of at most MAX_MARKDOWN_CHARACTERS of markdown; the caller says what was cut."""
    html: str = _markdown.render(plain(text[:MAX_MARKDOWN_CHARACTERS]))
    return nh3.clean(
        html,
        tags=TAGS,
        clean_content_tags={"script", "style"},
        attributes={"*": set(), "a": {"href"}, "ol": {"start"}},
        allowed_classes={"span": PYGMENTS_CLASSES},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener nofollow ugc",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def terminal(text: str, limit: int = MAX_TERMINAL_CHARACTERS) -> Terminal:
    """Terminal output as coloured runs; after MAX_SPANS of them the rest keeps its last colour."""
    shown, left_out = cut(text, limit)
    spans: list[Span] = []
    active: set[str] = set()
    pending, start = "", 0
    for match in ESCAPE.finditer(shown):
        pending += shown[start : match.start()]
        start = match.end()
        if match.group(2) == "m" and len(spans) < MAX_SPANS:
            styled = _apply_codes(active, match.group(1))
            if styled != active:
                _append_span(spans, pending, active)
                active, pending = styled, ""
    _append_span(spans, pending + shown[start:], active)
    return Terminal(tuple(spans), left_out)


def _append_span(spans: list[Span], text: str, active: set[str]) -> None:
    if text:
        classes = " ".join(f"ansi-{name}" for name in sorted(active))
        spans.append(Span(plain(text), classes))


def _apply_codes(active: set[str], parameters: str) -> set[str]:
    """The styles after one `ESC [ … m`. Colours out of the sixteen are passed over."""
    styled = set(active)
    codes = [int(code) if code.isdecimal() else 0 for code in parameters.split(";")[:16]]
    while codes:
        code = codes.pop(0)
        if code in (38, 48):
            skipped = {5: 2, 2: 4}.get(codes[0], 1) if codes else 0
            extended, codes = codes[:skipped], codes[skipped:]
            if extended[:1] == [5] and len(extended) == 2 and extended[1] < 16:
                bright, index = divmod(extended[1], 8)
                codes.insert(0, (code - 8) + 60 * bright + index)
        else:
            styled = _apply_code(styled, code)
    return styled


def _apply_code(styled: set[str], code: int) -> set[str]:
    if code == 0:
        return set()
    if code in STYLES:
        return styled | {STYLES[code]}
    if code in STYLES_OFF:
        return styled - STYLES_OFF[code]
    tens, index = divmod(code, 10)
    ground = {3: "", 9: "", 4: "on-", 10: "on-"}.get(tens)
    if ground is None or index == 8:
        return styled
    kept = {
        name for name in styled if name in STYLES.values() or name.startswith("on-") != bool(ground)
    }
    if index == 9:
        return kept
    bright = "bright-" if tens in (9, 10) else ""
    return kept | {f"{ground}{bright}{COLOURS[index]}"}


def _highlight(code: str, language: str, _attributes: str) -> str:
    """Pygments' spans for a fenced block; "" leaves the block to markdown's own escaping."""
    if language.lower() not in LANGUAGES or len(code) > MAX_HIGHLIGHTED_CHARACTERS:
        return ""
    if SLOW_TO_HIGHLIGHT.search(code):
        return ""
    return highlight(code, get_lexer_by_name(language, stripnl=False), _formatter)


def _demote_headings(state: StateCore) -> None:
    """An agent's first heading comes below the page's own two."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + PAGE_HEADINGS)}"


_formatter = HtmlFormatter(nowrap=True)
_markdown = (
    MarkdownIt("commonmark", {"html": False, "breaks": True, "highlight": _highlight})
    .enable(["table", "strikethrough"])
    .disable("image")
)
_markdown.core.ruler.push("demote_headings", _demote_headings)
