"""What an edit would change, or has changed, as bounded hunks that a template can draw. Pure."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from agents.highlighting import highlight_lines, language_of
from agents.rendering import Span, plain, plain_line

MAX_DIFF_LINES = 400
MAX_LINE_CHARACTERS = 500
MAX_COMPARED_LINES = 3000
CONTEXT_LINES = 3

Kind = Literal["add", "delete", "keep", "note"]
HUNK = re.compile(r"@@ -(\d{1,9})(?:,\d{1,9})? \+(\d{1,9})(?:,\d{1,9})? @@")
KINDS: Mapping[str, Kind] = {"+": "add", "-": "delete", " ": "keep", "\\": "note"}


@dataclass(frozen=True)
class Line:
    """One line of a hunk; its numbers are None where the place in the file is not known."""

    kind: Kind
    text: str
    old_number: int | None = None
    new_number: int | None = None
    spans: tuple[Span, ...] = ()

    @property
    def sign(self) -> str:
        return {"add": "+", "delete": "-"}.get(self.kind, " ")


@dataclass(frozen=True)
class Hunk:
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Diff:
    path: str
    hunks: tuple[Hunk, ...]
    added: int = 0
    deleted: int = 0
    left_out: int = 0
    note: str = ""

    @property
    def coloured_hunks(self) -> tuple[Hunk, ...]:
        """For a page: colours take time, and whoever only reads the lines needs none."""
        return tuple(Hunk(_coloured(hunk.lines, self.path)) for hunk in self.hunks)


def diff_of_request(
    tool_name: str, tool_input: Mapping[str, Any], old_content: str | None = None
) -> Diff | None:
    """What an edit tool asks for; None for any other tool or an input that is not understood.

    `old_content` is the file as it is now, for a Write; None where there is none to compare with.
    """
    if tool_name == "Edit":
        return _diff_of_edit(tool_input)
    if tool_name == "Write":
        content = tool_input.get("content")
        if not isinstance(content, str):
            return None
        note = "new file, or its present content is not shown" if old_content is None else ""
        return _compare(_path(tool_input), old_content or "", content, numbered=True, note=note)
    if tool_name == "NotebookEdit":
        return _diff_of_notebook(tool_input)
    return None


def diff_of_result(result: object) -> Diff | None:
    """What an edit has changed, from the `tool_use_result` of its line."""
    if not isinstance(result, Mapping) or not isinstance(result.get("structuredPatch"), list):
        return None
    path = str(result.get("filePath", ""))
    if not result["structuredPatch"] and result.get("type") == "create":
        return _compare(path, "", str(result.get("content", "")), numbered=True, note="new file")
    hunks = [_result_lines(hunk) for hunk in result["structuredPatch"] if isinstance(hunk, Mapping)]
    return _bounded(path, [hunk for hunk in hunks if hunk])


def diff_of_patch(path: str, patch: str) -> Diff:
    """One file's part of what `git diff` writes; without hunks where there are no lines to show."""
    note = ""
    hunks: list[tuple[int, int, list[str]]] = []
    for raw in patch.split("\n"):
        if found := HUNK.match(raw):
            hunks.append((int(found[1]), int(found[2]), []))
        elif hunks and raw[:1] in KINDS:
            hunks[-1][2].append(raw)
        elif raw.startswith("Binary files "):
            note = "binary"
        elif raw.startswith(("new file", "deleted file")):
            note = raw.partition(" mode")[0]
        elif raw.startswith("new mode "):
            note = f"mode {raw[9:15]}"
    return _bounded(path, [_patch_lines(raws, old, new) for old, new, raws in hunks], note)


def _path(tool_input: Mapping[str, Any]) -> str:
    return str(tool_input.get("file_path") or tool_input.get("notebook_path") or "")


def _diff_of_edit(tool_input: Mapping[str, Any]) -> Diff | None:
    old, new = tool_input.get("old_string"), tool_input.get("new_string")
    if not isinstance(old, str) or not isinstance(new, str):
        return None
    note = "every occurrence in the file" if tool_input.get("replace_all") is True else ""
    return _compare(_path(tool_input), old, new, numbered=False, note=note)


def _diff_of_notebook(tool_input: Mapping[str, Any]) -> Diff | None:
    source = tool_input.get("new_source", "")
    if not isinstance(source, str):
        return None
    mode = str(tool_input.get("edit_mode") or "replace")
    note = f"{mode} cell {tool_input.get('cell_id') or tool_input.get('cell_number') or ''}".strip()
    return _compare(_path(tool_input), "", source, numbered=False, note=plain(note)[:200])


def _compare(path: str, old: str, new: str, *, numbered: bool, note: str) -> Diff:
    """Compare two texts; longer ones than MAX_COMPARED_LINES are shown as replaced whole."""
    before, after = old.split("\n"), new.split("\n")
    if before[-1] == "" and after[-1] == "":
        before, after = before[:-1], after[:-1]
    elif not old:
        before = []
    elif not new:
        after = []
    if max(len(before), len(after)) > MAX_COMPARED_LINES:
        groups = [[("replace", 0, len(before), 0, len(after))]]
    else:
        matcher = difflib.SequenceMatcher(None, before, after)
        groups = list(matcher.get_grouped_opcodes(CONTEXT_LINES))
    hunks = [_opcode_lines(group, before, after, numbered=numbered) for group in groups]
    return _bounded(path, hunks, note)


def _opcode_lines(
    opcodes: Iterable[tuple[str, int, int, int, int]],
    before: Sequence[str],
    after: Sequence[str],
    *,
    numbered: bool,
) -> list[Line]:
    lines: list[Line] = []
    for tag, old_start, old_end, new_start, new_end in opcodes:
        if tag == "equal":
            for offset, text in enumerate(before[old_start:old_end]):
                old, new = old_start + offset + 1, new_start + offset + 1
                lines.append(_line("keep", text, *((old, new) if numbered else ())))
            continue
        for number, text in enumerate(before[old_start:old_end], old_start + 1):
            lines.append(_line("delete", text, number if numbered else None))
        for number, text in enumerate(after[new_start:new_end], new_start + 1):
            lines.append(_line("add", text, None, number if numbered else None))
    return lines


def _result_lines(hunk: Mapping[str, Any]) -> list[Line]:
    old = hunk["oldStart"] if isinstance(hunk.get("oldStart"), int) else 1
    new = hunk["newStart"] if isinstance(hunk.get("newStart"), int) else 1
    raws = hunk.get("lines")
    return _patch_lines(map(str, raws) if isinstance(raws, list) else (), old, new)


def _patch_lines(raws: Iterable[str], old: int, new: int) -> list[Line]:
    """Lines with their signs; `old` and `new` are the numbers of the first."""
    lines: list[Line] = []
    for raw in raws:
        kind = KINDS.get(raw[:1], "note")
        in_old, in_new = kind in ("keep", "delete"), kind in ("keep", "add")
        lines.append(_line(kind, raw[1:], old if in_old else None, new if in_new else None))
        old, new = old + in_old, new + in_new
    return lines


def _line(kind: Kind, text: str, old: int | None = None, new: int | None = None) -> Line:
    if len(text) > MAX_LINE_CHARACTERS:
        text = f"{text[:MAX_LINE_CHARACTERS]}… {len(text) - MAX_LINE_CHARACTERS} more characters"
    return Line(kind, plain_line(text), old, new)


def _coloured(hunk: Sequence[Line], path: str) -> tuple[Line, ...]:
    """With the spans of its language; what was and what is are each coloured as one text."""
    if language_of(path) is None:
        return tuple(hunk)
    spans: dict[int, tuple[Span, ...]] = {}
    for kinds in (("delete", "keep"), ("add", "keep")):
        places = [place for place, line in enumerate(hunk) if line.kind in kinds]
        coloured = highlight_lines([hunk[place].text for place in places], path)
        spans |= dict(zip(places, coloured, strict=True))
    return tuple(replace(line, spans=spans.get(place, ())) for place, line in enumerate(hunk))


def _bounded(path: str, hunks: Sequence[Sequence[Line]], note: str = "") -> Diff:
    """At most MAX_DIFF_LINES lines over all hunks; the counts are of the whole diff."""
    every = [line for hunk in hunks for line in hunk]
    kept: list[Hunk] = []
    room = MAX_DIFF_LINES
    for hunk in hunks:
        if room > 0:
            kept.append(Hunk(tuple(hunk[:room])))
            room -= len(hunk)
    return Diff(
        path=plain(path)[:1000],
        hunks=tuple(kept),
        added=sum(line.kind == "add" for line in every),
        deleted=sum(line.kind == "delete" for line in every),
        left_out=max(0, -room),
        note=note,
    )
