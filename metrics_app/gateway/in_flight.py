"""What is known of calls that have not ended, for the successor of a gateway that is killed.

One small file a call: written before the call goes out and again as more becomes known, gone once
its line is in the spool. It is not synced: it outlives the process, not the machine.
"""

import json
import logging
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotWrittenError
from contextlib import suppress
from pathlib import Path

from metrics_app.gateway.attempts import Attempt
from metrics_app.gateway.spool import Position

logger = logging.getLogger("cam.gateway")

# Where the disk refuses for so long, the files stay: ids are unique, a second try harms nothing.
RECOVERY_SECONDS = 5.0


class InFlight:
    """All files are this process's own, but for those that `recover` finds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._is_failing = False

    def write(self, attempt: Attempt, line: bytes | None = None) -> None:
        """Keep what is known now, or the whole line of a call that has just ended."""
        path = self._path(attempt)
        draft = path.with_suffix(".draft")
        try:
            draft.write_bytes(line or attempt.draft())
            draft.replace(path)
        except OSError as exc:
            if not self._is_failing:
                logger.error("calls in flight cannot be kept, a kill would lose them: %s", exc)
            self._is_failing = True
        else:
            self._is_failing = False

    def follow(self, attempt: Attempt) -> Callable[[bytes], None]:
        """Shows the answer's chunks to the attempt, and keeps what they tell before they go on."""

        def see(chunk: bytes) -> None:
            known = attempt.progress
            attempt.see_response(chunk)
            if attempt.progress != known:
                self.write(attempt)

        return see

    def forget_when(self, written: Future[Position], attempt: Attempt) -> None:
        written.add_done_callback(lambda _: self._path(attempt).unlink(missing_ok=True))

    def recover(self, put: Callable[[bytes], Future[Position]]) -> None:
        """Put the lines of a predecessor's calls into the spool, before calls are taken."""
        for draft in self._folder.glob("*.draft"):
            draft.unlink(missing_ok=True)
        put_lines = {
            path: put(line) for path in sorted(self._folder.iterdir()) if (line := _read(path))
        }
        for path, written in put_lines.items():
            with suppress(NotWrittenError):
                written.result(RECOVERY_SECONDS)
                path.unlink(missing_ok=True)
        if put_lines:
            logger.info("noted %d calls that a killed gateway left", len(put_lines))

    def _path(self, attempt: Attempt) -> Path:
        return self._folder / f"{attempt.attempt_id}.json"


def _read(path: Path) -> bytes | None:
    """A whole line; None, and the file is gone, where it holds anything else."""
    try:
        raw = path.read_bytes()
        json.loads(raw)
    except (OSError, ValueError) as exc:
        logger.error("a call in flight cannot be read: %s: %s", path.name, exc)
        path.unlink(missing_ok=True)
        return None
    return raw
