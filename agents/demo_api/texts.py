"""The texts of the demo."""

EXPLANATION = """\
This is the **demo**: no model is behind it, your words choose what happens. Try one of these:

| say | what happens |
| --- | --- |
| `edit hello.txt` | a file is read, then an edit is proposed for your approval |
| `write notes.md` | a new file is proposed |
| `read hello.txt` | a file is read, no approval needed |
| `run bash git status` | a harmless command, runs at once |
| `run bash touch demo.txt` | a command that asks first |
| `question` | you are asked something |
| `plan` | a plan is proposed, for you to approve |
| `subagent read hello.txt` | a subagent does it |
| `markdown`, `thinking`, `long 2000` | more kinds of output |
| `error 403`, `error 529 once`, `cut once`, `stall 20` | what trouble looks like |

With an API key in place of the demo, the same portal runs the real Claude Code.
"""

MARKDOWN = """\
# A page of Markdown

Some *emphasis*, some **weight**, a `code span` and a [link](https://example.org/).

1. first
2. second
   - nested, with a rather longer line of text so that it wraps on a narrow screen

> A quotation, and after it a table:

| language | typed | year |
| --- | :---: | ---: |
| Python | optionally | 1991 |
| Rust | yes | 2015 |

```python
def greet(name: str) -> str:
    return f"Hello, {name}!"
```

```diff
- an old line
+ a new line
```

---

That was all.
"""

PLAN = """\
## The plan

1. Read `cart.py` and its tests
2. Round once, at the end
3. Run the tests
"""

HOSTILE = """\
<script>alert("script")</script> <img src=x onerror=alert(1)>
<b hx-get="/" hx-trigger="load">bold</b>
[a link](javascript:alert(1)) and <a href="data:text/html,<script>1</script>">another</a>
\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J and right-to-left: \u202egnp.exe\u202c, zero\u200bwidth.
<div style="position:fixed;inset:0">over everything</div><form action="/logout" method="post">
"""

THOUGHT = """\
The prompt asks for a thinking block. A scripted answer needs no thought, but the page that shows \
it does: it should be folded away, readable on demand, and never be mistaken for the answer."""

_SENTENCE = (
    "the quick brown fox jumps over the lazy dog while a patient scribe copies every word of it "
    "and wonders how long this page can possibly grow before somebody presses stop"
)
_FILLER = _SENTENCE.split()


def make_long_text(words: int) -> str:
    """That many words, in numbered paragraphs of fifty."""
    paragraphs = []
    for start in range(0, words, 50):
        count = min(50, words - start)
        text = " ".join(_FILLER[(start + offset) % len(_FILLER)] for offset in range(count))
        paragraphs.append(f"{start // 50 + 1}. {text}.")
    return "\n".join(paragraphs) + "\n"
