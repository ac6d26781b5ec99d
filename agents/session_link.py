"""One running session: its container's log into rows, rows to its stdin.

Two threads a session: one follows Docker's log into a bounded queue, the other owns everything
else. A full queue stops the reading, which costs nothing: the log stays in Docker.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TypeVar

from django.db import connection, transaction
from django.utils import timezone

from agents import containers, outbox, stream_json
from agents.batching import Batcher, LineFramer
from agents.models import AgentSession, SessionEvent
from agents.outages import DATABASE_IS_AWAY, outages
from agents.recorder import Recorder
from agents.services import end_session

logger = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_SECONDS = 1.0
QUIET_SECONDS = 0.3
OPEN_LINE_SECONDS = 1.0
QUEUE_FRAMES = 2000


@dataclass(frozen=True)
class _Wake:
    """Somebody changed rows: look into the outbox."""


@dataclass(frozen=True)
class _LogEnded:
    """Docker has no more to tell: the container ended, or the engine went away."""


class SessionLink:
    """Carries bytes between one container and the rows until the container is gone."""

    def __init__(self, session: AgentSession, *, on_change: Callable[[AgentSession], None]) -> None:
        self.session = session
        self._on_change = on_change
        self._inbox: queue.Queue[containers.LogFrame | _Wake | _LogEnded] = queue.Queue(
            QUEUE_FRAMES
        )
        self._stopping = threading.Event()
        self._batcher = Batcher()
        self._framer = LineFramer()
        self._recorder = Recorder(session)
        self._stdin: containers.Stdin | None = None
        self._log: containers.LogFollower | None = None
        self._open_line_since: float | None = None
        self._attached_at = timezone.now().strftime("%Y-%m-%dT%H:%M:%S.%f")
        self._caught_up = False
        self._look = threading.Event()
        self._is_initialized = session.initialized_at is not None
        self._thread = threading.Thread(target=self._run, name=f"link-{session.pk}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def wake(self) -> None:
        """Have the outbox looked into now, or as soon as the link is caught up."""
        self._look.set()
        if self._caught_up:
            with suppress(queue.Full):
                self._inbox.put_nowait(_Wake())

    def stop(self) -> None:
        """Detach; the container goes on and a later link continues from the cursor."""
        self._stopping.set()
        if self._log is not None:
            self._log.close()
        self.wake()

    def join(self, timeout_seconds: float) -> None:
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        try:
            self._follow()
            if not self.session.log_cursor:
                self._reach_present()
            while not self._stopping.is_set() and self._step():
                pass
        except Exception:
            logger.exception(
                "link of session %s ended; the bridge makes a new one", self.session.pk
            )
        finally:
            self.stop()
            self._detach()
            connection.close()

    def _step(self) -> bool:
        """Take one item, flush and deliver what is due. False when the session is over."""
        item = self._next_item()
        if isinstance(item, _LogEnded):
            return self._handle_end()
        if isinstance(item, containers.LogFrame):
            self._add_frame(item)
        self._flush_if_due()
        if not self._caught_up and self._is_present(item):
            self._reach_present()
        if self._caught_up and self._look.is_set():
            self._deliver()
        return True

    def _is_present(self, item: containers.LogFrame | _Wake | None) -> bool:
        """Has the link read what an earlier one left: the log is quiet, or younger than the link."""
        if isinstance(item, containers.LogFrame):
            return item.timestamp > self._attached_at
        return item is None and self._batcher.wait_seconds(now=time.monotonic()) is None

    def _next_item(self) -> containers.LogFrame | _Wake | _LogEnded | None:
        wait = self._batcher.wait_seconds(now=time.monotonic())
        if wait is None and not self._caught_up:
            wait = QUIET_SECONDS
        try:
            return self._inbox.get(timeout=None if wait is None else max(wait, 0.001))
        except queue.Empty:
            return None

    def _add_frame(self, frame: containers.LogFrame) -> None:
        now = time.monotonic()
        for line in self._framer.feed(frame.stream, frame.timestamp, frame.data):
            self._batcher.add(line)
        if not self._framer.has_open_line:
            self._open_line_since = None
        elif self._open_line_since is None:
            self._open_line_since = now

    def _flush_if_due(self) -> None:
        """A cursor past half a line would lose its head, so an open line holds the batch a while."""
        now = time.monotonic()
        if self._open_line_since is not None and now - self._open_line_since < OPEN_LINE_SECONDS:
            return
        if self._batcher.wait_seconds(now=now) == 0.0:
            self._flush()

    def _flush(self) -> None:
        lines = self._batcher.take(now=time.monotonic())
        if not lines:
            return
        for refused in self._until_database_answers(lambda: self._recorder.record(lines)):
            self._write(stream_json.refuse_request(refused.request_id, refused.subtype))
        self._on_change(self.session)

    def _until_database_answers(self, work: Callable[[], T]) -> T:
        """The log waits in Docker, so a database that is away costs only time."""
        while True:
            try:
                return work()
            except DATABASE_IS_AWAY as exc:
                outages.begin(exc)
                connection.close()
                if self._stopping.wait(RETRY_SECONDS):
                    raise

    def _reach_present(self) -> None:
        """Receipts of what an earlier bridge sent have been read: what has none was lost."""
        self._until_database_answers(lambda: outbox.unsend_lost(self.session))
        self._caught_up = True
        self.wake()

    def _deliver(self) -> None:
        self._look.clear()
        self._is_initialized = self._is_initialized or self._write(
            outbox.initialize_line(self.session)
        )
        if not self._is_initialized:
            return
        for outgoing in self._until_database_answers(lambda: list(outbox.waiting(self.session))):
            if not self._send(outgoing):
                return

    def _send(self, outgoing: outbox.Outgoing) -> bool:
        """Mark, then write. False where that cannot be done now: the rest waits."""
        try:
            if not outgoing.claim(self.session):
                return True
        except DATABASE_IS_AWAY:
            # It may be marked all the same, only the answer was lost: nobody else would send it.
            self._until_database_answers(outgoing.unclaim)
            return False
        is_written = self._write(outgoing.line)
        if not is_written:
            self._until_database_answers(outgoing.unclaim)
        self._on_change(self.session)
        return is_written

    def _write(self, line: bytes) -> bool:
        """Write to the container's stdin; False where it is not there to take it."""
        try:
            if self._stdin is None:
                self._stdin = containers.attach_stdin(self.session.container_id)
            self._stdin.write(line)
        except (containers.ContainerError, OSError) as exc:
            logger.warning("session %s takes no input: %s", self.session.pk, exc)
            self._detach()
            return False
        return True

    def _follow(self) -> None:
        threading.Thread(target=self._read_log, name=f"log-{self.session.pk}", daemon=True).start()

    def _read_log(self) -> None:
        try:
            self._log = containers.follow_log(
                self.session.container_id, since=self.session.log_cursor or None
            )
            with closing(self._log) as log:
                for frame in log:
                    self._put(frame)
        except containers.ContainerError as exc:
            logger.warning("the log of session %s broke: %s", self.session.pk, exc)
        self._put(_LogEnded())

    def _put(self, item: containers.LogFrame | _LogEnded) -> None:
        while not self._stopping.is_set():
            with suppress(queue.Full):
                self._inbox.put(item, timeout=RETRY_SECONDS)
                return

    def _handle_end(self) -> bool:
        """False when the container is gone and recorded so; else the log is followed again."""
        for line in self._framer.flush():
            self._batcher.add(line)
        self._flush()
        try:
            state = containers.poll(self.session.container_id)
        except containers.ContainerError as exc:
            logger.warning("session %s waits for the engine: %s", self.session.pk, exc)
            return self._follow_again()
        if state is not None and state.exit_code is None:
            return self._follow_again()
        self._until_database_answers(lambda: self._end(state))
        self._on_change(self.session)
        return False

    def _follow_again(self) -> bool:
        self._detach()
        if not self._stopping.wait(RETRY_SECONDS):
            self._follow()
        return True

    def _end(self, state: containers.ContainerState | None) -> None:
        failed = state is None or state.exit_code not in (0, 143)
        reason = self._end_reason(state)
        with transaction.atomic():
            exit_code = state.exit_code if state else None
            if end_session(self.session, exit_code=exit_code, reason=reason, failed=failed):
                self._recorder.note(f"Session {self.session.number} ended: {reason}")
        if state is not None:
            containers.remove(self.session.container_id)

    def _end_reason(self, state: containers.ContainerState | None) -> str:
        if state is None:
            return "the container was removed"
        return self._own_words() or {
            0: "the CLI ended",
            143: "stopped",
            137: "killed from outside: the engine was restarted, or somebody killed it",
        }.get(state.exit_code or 0, f"exit code {state.exit_code}. {self._last_output()}".strip())

    def _own_words(self) -> str:
        """What the entrypoint said of a container that cannot work, or ran out of memory."""
        events = SessionEvent.objects.filter(session=self.session, kind="cam_error")
        last = events.order_by("-seq").first()
        return str(last.payload.get("reason", ""))[:2000] if last else ""

    def _last_output(self) -> str:
        events = SessionEvent.objects.filter(session=self.session, kind="raw").order_by("-seq")[:5]
        return "\n".join(str(event.payload.get("text", "")) for event in reversed(events))[-2000:]

    def _detach(self) -> None:
        if self._stdin is not None:
            self._stdin.close()
            self._stdin = None
