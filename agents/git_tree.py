"""What git says of a work tree, read from the output of `workspace_git.sh`. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agents.diffs import Diff, diff_of_patch
from agents.workspaces import is_plain_name

MAX_FILES = 500
MAX_DIFFS = 50
BETWEEN = "\0next\0"

State = Literal["changed", "added", "deleted", "new", "conflict"]
STATES: dict[str, State] = {"A": "added", "D": "deleted"}
ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}


@dataclass(frozen=True)
class ChangedFile:
    """`path` as git has it, from the top of the work tree; `diff` is None where there are too many."""

    path: str
    state: State
    diff: Diff | None = None

    @property
    def is_choosable(self) -> bool:
        """Can the name be given back to git? Bytes that are no UTF-8 have been replaced on the way."""
        return is_plain_name(self.path) and "\ufffd" not in self.path


@dataclass(frozen=True)
class Commit:
    sha: str
    author: str
    made_at: datetime | None
    subject: str


@dataclass(frozen=True)
class GitTree:
    """`branch` is empty where HEAD is detached, `sha` before the first commit.

    `left_out` counts files that are not listed. `commits` are the latest, on an agent's own branch
    only its own, whose changes together are `branch_diffs`.
    """

    branch: str = ""
    sha: str = ""
    upstream: str = ""
    ahead: int = 0
    behind: int = 0
    files: tuple[ChangedFile, ...] = ()
    left_out: int = 0
    commits: tuple[Commit, ...] = ()
    branch_diffs: tuple[Diff, ...] = ()


def read_tree(output: bytes) -> GitTree:
    """What is not understood is passed over: the workspace may write what it likes."""
    parts = output.decode(errors="replace").split(BETWEEN)
    status, patch, log, branch_patch = [*parts, "", "", "", ""][:4]
    records = status.split("\0")
    headers = dict(
        record[2:].split(" ", 1)
        for record in records
        if record.startswith("# ") and " " in record[2:]
    )
    diffs = dict(_read_patch(patch))
    files = [
        ChangedFile(path, state, diffs.get(path))
        for path, state in dict(_read_files(records)).items()
    ]
    branch, sha = headers.get("branch.head", ""), headers.get("branch.oid", "")
    ahead, behind = _read_distance(headers.get("branch.ab", ""))
    return GitTree(
        branch="" if branch == "(detached)" else branch,
        sha="" if sha == "(initial)" else sha[:12],
        upstream=headers.get("branch.upstream", ""),
        ahead=ahead,
        behind=behind,
        files=tuple(files[:MAX_FILES]),
        left_out=max(0, len(files) - MAX_FILES),
        commits=tuple(_read_commits(log)),
        branch_diffs=tuple(diff for _, diff in _read_patch(branch_patch)),
    )


def _read_patch(patch: str) -> Iterator[tuple[str, Diff]]:
    """A path and its diff, at most MAX_DIFFS."""
    for section in re.split(r"(?m)^diff --git ", patch)[1 : MAX_DIFFS + 1]:
        path = _path_of(section.partition("\n")[0])
        yield path, diff_of_patch(path, section)


def _path_of(header: str) -> str:
    """The path of `a/PATH b/PATH`, where nothing is renamed: either half says it."""
    half = header[: len(header) // 2]
    return _unquote(half).removeprefix("a/")


def _unquote(text: str) -> str:
    """As git quotes names in C's way: within quotes, with octal bytes."""
    if len(text) < 2 or not (text[0] == text[-1] == '"'):
        return text
    whole = b"".join(
        bytes([int(octal, 8) & 255])
        if octal
        else bytes([ESCAPES[letter]])
        if letter
        else other.encode()
        for octal, letter, other in re.findall(
            r"\\([0-7]{3})|\\([abtnvfr\"\\])|((?s:.))", text[1:-1]
        )
    )
    return whole.decode(errors="replace")


def _read_files(records: list[str]) -> Iterator[tuple[str, State]]:
    for record in records:
        kind, _, rest = record.partition(" ")
        match kind:
            case "1" if len(fields := rest.split(" ", 7)) == 8:
                yield fields[7], _state(fields[0])
            case "u" if len(fields := rest.split(" ", 9)) == 10:
                yield fields[9], "conflict"
            case "?" if rest:
                yield rest, "new"


def _state(letters: str) -> State:
    """The first of the index's and the work tree's letters that says something."""
    return next((STATES[letter] for letter in letters if letter in STATES), "changed")


def _read_distance(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\+(\d{1,9}) -(\d{1,9})", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _read_commits(log: str) -> Iterator[Commit]:
    for line in log.split("\0\n"):
        fields = line.split("\0")
        if len(fields) == 4:
            sha, author, made_at, subject = fields
            yield Commit(sha[:20], author[:200], _moment(made_at), subject[:500])


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
