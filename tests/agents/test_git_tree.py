"""What git says, read: names and texts are a workspace's, and may be anything."""

import pytest

from agents import git_tree
from agents.git_tree import GitTree, read_tree

BETWEEN = b"\0next\0"
OID = "7679bc976f4fdd9f3e78ec69082f11fae13742b6"


def ordinary(path, letters=".M"):
    return f"1 {letters} N... 100644 100644 100644 {OID} {OID} {path}"


def status(*records):
    return "".join(f"{record}\0" for record in records).encode()


def patch(header, *lines):
    return "\n".join((f"diff --git {header}", *lines, "")).encode()


def test_branch_commit_and_distance():
    tree = read_tree(
        status(
            f"# branch.oid {OID}",
            "# branch.head main",
            "# branch.upstream origin/main",
            "# branch.ab +2 -1",
        )
    )
    assert (tree.branch, tree.sha, tree.upstream) == ("main", OID[:12], "origin/main")
    assert (tree.ahead, tree.behind) == (2, 1)


def test_no_branch_and_no_commit_are_empty():
    tree = read_tree(status("# branch.oid (initial)", "# branch.head (detached)"))
    assert (tree.branch, tree.sha) == ("", "")


def test_files_and_their_states():
    tree = read_tree(
        status(
            ordinary("cart.py"),
            ordinary("two words", ".D"),
            ordinary("new.py", "A."),
            f"u UU N... 100644 100644 100644 100644 {OID} {OID} {OID} both.py",
            "? d/notes.md",
        )
    )
    assert [(file.path, file.state) for file in tree.files] == [
        ("cart.py", "changed"),
        ("two words", "deleted"),
        ("new.py", "added"),
        ("both.py", "conflict"),
        ("d/notes.md", "new"),
    ]


@pytest.mark.parametrize(
    ("header", "path"),
    [
        ("a/cart.py b/cart.py", "cart.py"),
        ("a/two words b/two words", "two words"),
        ("a/x b/x b/x b/x", "x b/x"),
        (r'"a/ne\"w" "b/ne\"w"', 'ne"w'),
        (r'"a/\303\251\\" "b/\303\251\\"', "é\\"),
        (r'"a/tab\there" "b/tab\there"', "tab\there"),
    ],
)
def test_diff_finds_its_file(header, path):
    text = patch(header, "index 1..2 100644", "@@ -1 +1,2 @@", " a", "+b")
    (file,) = read_tree(status(f"? {path}") + BETWEEN + text).files
    assert file.diff is not None
    assert [(line.kind, line.new_number) for line in file.diff.hunks[0].lines] == [
        ("keep", 1),
        ("add", 2),
    ]


def test_binary_new_and_deleted_files_say_so():
    text = (
        patch("a/b b/b", "index 1..2", "Binary files a/b and b/b differ")
        + patch(
            "a/n b/n", "new file mode 100644", "--- /dev/null", "+++ b/n", "@@ -0,0 +1 @@", "+x"
        )
        + patch("a/m b/m", "old mode 100644", "new mode 100755")
    )
    tree = read_tree(status("? b", "? n", "? m") + BETWEEN + text)
    assert [file.diff.note for file in tree.files] == ["binary", "new file", "mode 100755"]


def test_a_line_that_looks_like_a_header_stays_a_line():
    text = patch("a/x b/x", "@@ -1 +1 @@", "-Binary files are here", "+diff --git a/y b/y")
    (file,) = read_tree(status("? x") + BETWEEN + text).files
    assert (file.diff.added, file.diff.deleted, file.diff.note) == (1, 1, "")


def test_commits_of_a_branch_and_its_changes():
    log = b"7679bc9\0Al\x002026-11-25T20:11:39+00:00\0Fix it\0\n4063247\0Bo\0x\0One\0\n"
    tree = read_tree(BETWEEN.join((b"", b"", log, patch("a/x b/x", "@@ -1 +1 @@", "-a", "+b"))))
    assert [(commit.sha, commit.subject) for commit in tree.commits] == [
        ("7679bc9", "Fix it"),
        ("4063247", "One"),
    ]
    assert tree.commits[1].made_at is None
    assert [diff.path for diff in tree.branch_diffs] == ["x"]


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"\0\0\0",
        b"1 .M\0u\0?\0# x\0",
        b"\xff\xfe",
        BETWEEN * 9,
        b"diff --git \0next\0diff --git ",
    ],
)
def test_nonsense_is_an_empty_tree(output):
    assert read_tree(output).files == GitTree().files


def test_names_that_cannot_be_given_back_are_not_offered():
    tree = read_tree(status("? caf\ufffd", "? line\nend", "? ordinary"))
    assert [file.is_choosable for file in tree.files] == [False, False, True]


def test_files_and_diffs_are_bounded(monkeypatch):
    monkeypatch.setattr(git_tree, "MAX_FILES", 2)
    monkeypatch.setattr(git_tree, "MAX_DIFFS", 1)
    text = b"".join(patch(f"a/{n} b/{n}", "@@ -1 +1 @@", "+x") for n in range(3))
    tree = read_tree(status("? 0", "? 1", "? 2") + BETWEEN + text)
    assert (len(tree.files), tree.left_out) == (2, 1)
    assert [file.diff is not None for file in tree.files] == [True, False]
