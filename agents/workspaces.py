"""Folders beneath the roots that a user may browse: resolved by descriptors, never by prefixes.

Every step down is an `openat` that refuses symlinks, so a link that is swapped in between two looks
leads nowhere. Imports neither Django nor Docker.
"""

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

MAX_ENTRIES = 1000
MAX_PATH_CHARACTERS = 4096
STEP_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LIST_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LOOK_FLAGS = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class WorkspaceError(Exception):
    """The path cannot be used; `str()` says why, for a person."""


EntryKind = Literal["folder", "file", "link", "other"]
Order = Literal["name", "size", "time"]


@dataclass(frozen=True)
class Entry:
    """One name in a folder. `path` is empty where it cannot be opened: links, devices, odd names."""

    name: str
    path: str
    kind: EntryKind
    size_bytes: int = 0
    modified_at: datetime | None = None

    @property
    def is_folder(self) -> bool:
        return self.kind == "folder"


@dataclass(frozen=True)
class Listing:
    """What a folder holds, folders first. The list of roots has an empty `path`."""

    path: str
    parent: str | None
    entries: tuple[Entry, ...]
    is_git: bool = False
    left_out: int = 0

    @property
    def folders(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.is_folder)


def confine(path: str, roots: Sequence[str]) -> str:
    """The real absolute path of a directory beneath (or equal to) one of `roots`.

    Raises WorkspaceError; symlinks beneath a root are refused, wherever they lead.
    """
    return confine_folder(path, roots)[0]


def confine_folder(path: str, roots: Sequence[str]) -> tuple[str, os.stat_result]:
    """As `confine`, with the status of that very directory: the name may mean another one later."""
    with _opened(path, roots) as (descriptor, real_path):
        return real_path, os.fstat(descriptor)


def list_folder(
    path: str, roots: Sequence[str], *, show_hidden: bool = False, order: Order = "name"
) -> Listing:
    """The folder's listing, or that of the roots where `path` is empty. Raises WorkspaceError."""
    if not path:
        return _list_roots(roots)
    with _opened(path, roots) as (descriptor, real_path):
        try:
            listed = os.open(".", LIST_FLAGS, dir_fd=descriptor)
        except OSError as exc:
            raise WorkspaceError(_words(exc, real_path)) from exc
        try:
            entries, left_out, is_git = _read_entries(listed, real_path, show_hidden=show_hidden)
        finally:
            os.close(listed)
    entries = tuple(sorted(entries, key=lambda entry: _place(entry, order)))
    at_top = real_path in {os.path.realpath(root) for root in roots}
    parent = "" if at_top else os.path.dirname(real_path)
    return Listing(real_path, parent, entries, is_git=is_git, left_out=left_out)


def read_text_beneath(root: str, relative_path: str, limit_bytes: int) -> str | None:
    """A regular file's text; None where it is missing, longer than the limit or anything else.

    `root` is a real path. No step of it may be a link now: an agent in a folder above could have put
    one there, and what it leads to is not the workspace.
    """
    parts = _parts(relative_path)
    if not parts or ".." in parts or "\0" in relative_path:
        return None
    try:
        with _descend("/", [*_parts(root), *parts[:-1]]) as folder:
            descriptor = open_regular(parts[-1], folder)
    except (OSError, UnicodeEncodeError, WorkspaceError):
        return None
    with open(descriptor, "rb") as file:
        data = file.read(limit_bytes + 1)
    return None if len(data) > limit_bytes else data.decode(errors="replace")


def open_file(path: str, roots: Sequence[str]) -> int:
    """A descriptor of the regular file, to read from. Raises WorkspaceError; no link is followed."""
    folder, _, name = path.rpartition("/")
    if name in ("", ".", ".."):
        raise WorkspaceError("The path names no file.")
    if not is_plain_name(name):
        raise WorkspaceError("The name contains characters that cannot be opened here.")
    with _opened(folder or "/", roots) as (descriptor, _real_path):
        return open_regular(name, descriptor)


def open_regular(name: str, folder: int) -> int:
    """Open a regular file of a folder's descriptor. Raises WorkspaceError for anything else, OSError.

    What it is, is looked at before it is opened: opening a device or a pipe may do something.
    """
    looked_at = os.open(name, LOOK_FLAGS, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(looked_at).st_mode):
            raise WorkspaceError("This is no regular file (links are not followed).")
        return os.open(f"/proc/self/fd/{looked_at}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(looked_at)


def is_plain_name(name: str) -> bool:
    """False for names with control characters, or bytes that are not UTF-8."""
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in name)


@contextmanager
def _opened(path: str, roots: Sequence[str]) -> Iterator[tuple[int, str]]:
    """A descriptor of the directory, and its real path."""
    root, parts = _split_at_root(path, roots)
    try:
        with _descend(root, parts) as descriptor:
            yield descriptor, os.path.join(os.path.realpath(root), *parts)
    except OSError as exc:
        raise WorkspaceError(_words(exc, path)) from exc


def _split_at_root(path: str, roots: Sequence[str]) -> tuple[str, list[str]]:
    """The root that the path names and the steps down from it; the deepest root wins."""
    if len(path) > MAX_PATH_CHARACTERS:
        raise WorkspaceError("The path is too long.")
    if not is_plain_name(path):
        raise WorkspaceError("The path contains characters that no workspace may have.")
    if not path.startswith("/"):
        raise WorkspaceError("The path must be absolute.")
    parts = _parts(path)
    if ".." in parts:
        raise WorkspaceError("The path must not contain “..”.")
    spellings = [(_parts(text), root) for root in roots for text in (root, os.path.realpath(root))]
    for root_parts, root in sorted(spellings, key=lambda spelling: -len(spelling[0])):
        if parts[: len(root_parts)] == root_parts:
            return root, parts[len(root_parts) :]
    raise WorkspaceError("The folder lies outside of the folders that you may use.")


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


@contextmanager
def _descend(root: str, parts: Sequence[str]) -> Iterator[int]:
    """Open the root, which an administrator chose, then each step without following links."""
    descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            below = os.open(part, STEP_FLAGS, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _words(exc: OSError, path: str) -> str:
    shown = path[:100]
    if exc.errno == errno.ENOENT:
        return f"There is no folder or file {shown}."
    if exc.errno == errno.EACCES:
        return f"The portal may not read {shown}."
    if exc.errno in (errno.ENOTDIR, errno.ELOOP):
        return f"{shown} is not a folder (links are not followed)."
    if exc.errno == errno.ENAMETOOLONG:
        return "The path is too long."
    return f"{shown} cannot be opened: {exc.strerror}."


def _list_roots(roots: Sequence[str]) -> Listing:
    entries = tuple(Entry(root, root, "folder") for root in roots if os.path.isdir(root))
    return Listing("", None, entries)


def _read_entries(
    descriptor: int, real_path: str, *, show_hidden: bool
) -> tuple[tuple[Entry, ...], int, bool]:
    entries: list[Entry] = []
    is_git, seen = False, 0
    with os.scandir(descriptor) as found:
        for item in found:
            is_git = is_git or item.name == ".git"
            if item.name.startswith(".") and not show_hidden:
                continue
            seen += 1
            if seen <= MAX_ENTRIES:
                entries.append(_read_entry(item, real_path))
    return tuple(entries), seen - len(entries), is_git


def _read_entry(item: "os.DirEntry[str]", folder: str) -> Entry:
    try:
        status = item.stat(follow_symlinks=False)
    except OSError:  # it is gone since
        return Entry(item.name, "", "other")
    kind = _kind_of(status.st_mode)
    opens = kind in ("folder", "file") and is_plain_name(item.name)
    path = os.path.join(folder, item.name) if opens else ""
    return Entry(item.name, path, kind, status.st_size, moment_of(status))


def moment_of(status: os.stat_result) -> datetime | None:
    """When it was modified; None for a time that no calendar has."""
    try:
        return datetime.fromtimestamp(status.st_mtime, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _kind_of(mode: int) -> EntryKind:
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISREG(mode):
        return "file"
    return "link" if stat.S_ISLNK(mode) else "other"


def _place(entry: Entry, order: Order) -> tuple[object, ...]:
    """Folders first, then largest or newest first, then by name."""
    seconds = entry.modified_at.timestamp() if entry.modified_at else 0.0
    by: Mapping[Order, float] = {"name": 0, "size": -entry.size_bytes, "time": -seconds}
    return (not entry.is_folder, by[order], entry.name.casefold())
