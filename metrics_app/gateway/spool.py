"""The usage spool: append-only files of JSON lines, written and synced by a thread of its own."""

import logging
import os
import threading
import time
from collections import deque
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger("cam.gateway")

MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_FILE_AGE_SECONDS = 3600
MAX_WAITING_LINES = 10_000
RETRY_SECONDS = 1.0


class Position(NamedTuple):
    """Where a line ends: in which file, after how many bytes."""

    name: str
    end: int


class SpoolFile:
    """One file that grows by whole lines. Always a new name: no torn line is ever continued."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"usage-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{os.getpid()}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self.path = folder / name
        self._descriptor = os.open(self.path, flags, 0o600)
        self.size = 0
        self._opened = time.monotonic()
        _sync_folder(folder)

    @property
    def is_spent(self) -> bool:
        """Large or old enough for a successor, or deleted from under us."""
        return (
            self.size >= MAX_FILE_BYTES
            or time.monotonic() - self._opened >= MAX_FILE_AGE_SECONDS
            or os.fstat(self._descriptor).st_nlink == 0
        )

    def append(self, data: bytes) -> None:
        """Write and sync all of `data`; on OSError (disk full) the file is as it was before."""
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(data)

    def close(self) -> None:
        os.close(self._descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Spool:
    """Accepts lines at once, writes them in order, tries again for as long as the disk refuses.

    Lines wait in memory meanwhile; `is_full` tells callers to start nothing that would add more.
    The thread lives until `close`, which belongs at the very end of the process.
    """

    def __init__(self, folder: Path, *, retry_seconds: float = RETRY_SECONDS) -> None:
        self._folder = folder
        self._retry_seconds = retry_seconds
        self._file: SpoolFile | None = None
        self._waiting: deque[tuple[bytes, Future[Position]]] = deque()
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._thread = threading.Thread(target=self._run, name="usage spool", daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= MAX_WAITING_LINES

    def put(self, line: bytes) -> Future[Position]:
        """Never blocks; the future is done when the line is on disk."""
        written: Future[Position] = Future()
        with self._changed:
            self._waiting.append((line, written))
            self._changed.notify()
        return written

    def close(self, *, timeout_seconds: float = 5.0) -> None:
        """Write what waits. Lines that the disk still refuses go to the log: none is lost."""
        with self._changed:
            self._deadline = time.monotonic() + timeout_seconds
            self._changed.notify()
        self._thread.join(timeout_seconds + 1)
        for line, _ in self._waiting:
            logger.error("usage line not written: %s", line.decode().rstrip())

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                end = self._write(b"".join(line for line, _ in batch))
            except OSError as exc:
                logger.error("usage spool %s: %s; %d lines wait", self._folder, exc, len(batch))
                if not self._pause():
                    return
            else:
                # Those behind it have the batch's end too: a little later than their own is harmless.
                for _ in batch:
                    self._waiting.popleft()[1].set_result(end)

    def _next_batch(self) -> list[tuple[bytes, Future[Position]]]:
        """All that waits; empty only when closing."""
        with self._changed:
            while not self._waiting and self._deadline is None:
                self._changed.wait()
            return list(self._waiting)

    def _pause(self) -> bool:
        """Wait before the next try; False when the time for closing is over."""
        end = time.monotonic() + self._retry_seconds
        with self._changed:
            while (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
                if self._deadline is not None:
                    end = min(end, self._deadline)
            return self._deadline is None or time.monotonic() < self._deadline

    def _write(self, data: bytes) -> Position:
        if self._file is not None and self._file.is_spent:
            self._file.close()
            self._file = None
        if self._file is None:
            self._file = SpoolFile(self._folder)
        self._file.append(data)
        return Position(self._file.path.name, self._file.size)
