import os

import pytest

from agents import workspaces
from agents.workspaces import WorkspaceError, confine, list_folder, read_text_beneath


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    (root / "shop" / "src").mkdir(parents=True)
    (root / "shop" / "README.md").write_text("hello")
    return root


def test_confine_gives_the_real_path_beneath_a_root(root):
    assert confine(f"{root}/shop/./src//", [str(root)]) == f"{root}/shop/src"
    assert confine(str(root), [str(root)]) == str(root)


def test_confine_accepts_what_it_gave_for_a_root_that_is_a_link(root, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(root)
    real = confine(f"{link}/shop", [str(link)])
    assert real == f"{root}/shop"
    assert confine(real, [str(link)]) == real


@pytest.mark.parametrize(
    ("suffix", "words"),
    [
        ("/../other", "must not contain"),
        ("/shop/..", "must not contain"),
        ("/missing", "no folder"),
        ("/shop/README.md", "not a folder"),
        ("/shop\0", "characters"),
        ("/sh\nop", "characters"),
        ("/\udc80", "characters"),
        ("/" + "a" * 300, "too long"),
        ("/" + "a" * 5000, "too long"),
    ],
)
def test_confine_refuses(root, suffix, words):
    (root.parent / "other").mkdir()
    with pytest.raises(WorkspaceError, match=words):
        confine(f"{root}{suffix}", [str(root)])


@pytest.mark.parametrize("path", ["", "shop", "/", "/etc", "/proc/self/root"])
def test_confine_refuses_what_is_not_beneath_a_root(root, path):
    with pytest.raises(WorkspaceError):
        confine(path, [str(root)])


def test_a_sibling_that_begins_with_the_root_is_outside(root):
    sibling = root.parent / "root-of-others"
    sibling.mkdir()
    with pytest.raises(WorkspaceError, match="outside"):
        confine(str(sibling), [str(root)])


@pytest.mark.parametrize("target", ["/etc", "shop"])
def test_links_are_refused_wherever_they_lead(root, target):
    (root / "link").symlink_to(target)
    with pytest.raises(WorkspaceError, match="links are not followed"):
        confine(f"{root}/link", [str(root)])
    with pytest.raises(WorkspaceError, match="links are not followed"):
        list_folder(f"{root}/link", [str(root)])


def test_a_link_swapped_in_after_a_check_leads_nowhere(root, monkeypatch):
    open_step = os.open

    def swap_first(path, *args, **kwargs):
        if path == "src":
            (root / "shop" / "src").rmdir()
            (root / "shop" / "src").symlink_to("/etc")
        return open_step(path, *args, **kwargs)

    monkeypatch.setattr(workspaces.os, "open", swap_first)
    with pytest.raises(WorkspaceError):
        list_folder(f"{root}/shop/src", [str(root)])


def test_listing_has_folders_first_and_hides_dot_names(root):
    (root / "shop" / ".git").mkdir()
    listing = list_folder(f"{root}/shop", [str(root)])
    assert [(entry.name, entry.is_folder) for entry in listing.entries] == [
        ("src", True),
        ("README.md", False),
    ]
    assert (listing.is_git, listing.parent) == (True, str(root))
    assert ".git" in {
        entry.name for entry in list_folder(f"{root}/shop", [str(root)], show_hidden=True).entries
    }


def test_listing_of_a_root_leads_up_to_the_roots(root):
    assert list_folder(str(root), [str(root)]).parent == ""
    top = list_folder("", [str(root), "/missing"])
    assert [entry.path for entry in top.entries] == [str(root)]
    assert top.parent is None


def test_listing_is_bounded_and_says_so(root, monkeypatch):
    monkeypatch.setattr(workspaces, "MAX_ENTRIES", 3)
    for number in range(5):
        (root / "shop" / f"file{number}").touch()
    listing = list_folder(f"{root}/shop", [str(root)])
    assert (len(listing.entries), listing.left_out) == (3, 4)


@pytest.mark.parametrize("name", [b"new\nline", b"\xff\xfe", b"bell\x07"])
def test_hostile_names_are_listed_and_not_opened(root, name):
    os.mkdir(os.fsencode(root) + b"/" + name)
    entries = {entry.name: entry for entry in list_folder(str(root), [str(root)]).entries}
    assert entries[os.fsdecode(name)].path == ""


def test_read_text_beneath_reads_a_regular_file(root):
    assert read_text_beneath(str(root), "shop/README.md", 5) == "hello"


@pytest.mark.parametrize(
    "path", ["", ".", "../secret", "shop/../shop/README.md", "shop", "missing", "a\0b", "\ud800"]
)
def test_read_text_beneath_refuses(root, path):
    (root.parent / "secret").write_text("no")
    assert read_text_beneath(str(root), path, 100) is None


def test_read_text_beneath_does_not_follow_wait_or_read_on(root):
    (root / "link").symlink_to("shop/README.md")
    (root / "folder").symlink_to("shop")
    os.mkfifo(root / "pipe")
    for path in ("link", "folder/README.md", "pipe"):
        assert read_text_beneath(str(root), path, 100) is None
    assert read_text_beneath(str(root), "shop/README.md", 4) is None


def test_read_text_beneath_follows_no_link_that_took_the_workspaces_place(root):
    (root.parent / "portal").mkdir()
    (root.parent / "portal" / ".env").write_text("secret")
    (root / "shop").rename(root / "moved")
    (root / "shop").symlink_to(root.parent / "portal")
    assert read_text_beneath(f"{root}/shop", ".env", 100) is None
    assert read_text_beneath(f"{root}/moved", "README.md", 100) == "hello"
