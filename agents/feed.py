"""What the viewers of one agent get, read and rendered once a web process.

Each doorbell makes one read of "all after the cursor"; every viewer at that cursor gets the same
Update. A viewer elsewhere reads for itself until it has caught up.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self
from uuid import UUID

from channels.db import database_sync_to_async

from agents import fragments
from agents.models import Agent, LiveText, SessionEvent
from agents.outages import DATABASE_IS_AWAY, outages

logger = logging.getLogger(__name__)

PAGE_EVENTS = 500
FLUSH_EVERY_SECONDS = 0.02
LOOK_EVERY_SECONDS = 2.0


@dataclass(frozen=True)
class Update:
    """Everything that a viewer at cursor `after` has not seen; at most PAGE_EVENTS events.

    `regions` maps an element's id to its HTML, ready for an out-of-band swap. Without a viewer
    that wants it, there is no HTML: `rows_html` and `regions` are empty.
    """

    after: int
    seq: int
    has_more: bool
    agent: Agent
    events: tuple[SessionEvent, ...]
    rows_html: str
    live_text: str
    regions: dict[str, str]
    pending_approvals: int


def read_update(agent_id: UUID, after: int, *, with_html: bool) -> Update | None:
    """Read and render; None where the agent is gone. Blocks on the database."""
    agent = Agent.objects.filter(pk=agent_id, deleted_at__isnull=True).first()
    if agent is None:
        return None
    events = list(
        SessionEvent.objects.filter(agent=agent, seq__gt=after).order_by("seq")[: PAGE_EVENTS + 1]
    )
    has_more = len(events) > PAGE_EVENTS
    events = events[:PAGE_EVENTS]
    live_text = LiveText.objects.filter(agent=agent).values_list("text", flat=True).first()
    return Update(
        after=after,
        seq=events[-1].seq if events else after,
        has_more=has_more,
        agent=agent,
        events=tuple(events),
        rows_html=fragments.render_rows(events) if with_html else "",
        live_text=live_text or "",
        regions=fragments.render_regions(agent, oob=True) if with_html else {},
        pending_approvals=agent.approvals.pending().count(),
    )


read_update_async = database_sync_to_async(read_update)


class Viewer(Protocol):
    wants_html: ClassVar[bool]

    async def show(self, update: Update) -> None:
        """Send what the update holds beyond the viewer's own cursor."""

    async def agent_gone(self) -> None: ...

    async def dropped(self) -> None: ...


class AgentFeed:
    """The shared reader of one agent in this process; it lives while somebody watches."""

    _feeds: ClassVar[dict[UUID, Self]] = {}

    def __init__(self, agent_id: UUID, seq: int) -> None:
        self._agent_id = agent_id
        self._viewers: set[Viewer] = set()
        self._wake = asyncio.Event()
        self._seq = seq
        self._task = asyncio.create_task(self._run())

    @classmethod
    def join(cls, agent_id: UUID, viewer: Viewer, *, seq: int) -> Self:
        """Watch from `seq` on; `leave` must follow."""
        feed = cls._feeds.get(agent_id)
        if feed is None:
            feed = cls._feeds[agent_id] = cls(agent_id, seq)
        feed._viewers.add(viewer)
        return feed

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        if not self._viewers:
            self._task.cancel()
            self._feeds.pop(self._agent_id, None)

    def wake(self) -> None:
        """Read soon; doorbells that come together make one read."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_EVERY_SECONDS)
            self._wake.clear()
            try:
                await self._flush()
            except DATABASE_IS_AWAY as exc:
                outages.begin(exc)
            except Exception:
                logger.exception("viewers of agent %s see nothing new for now", self._agent_id)
            await asyncio.sleep(FLUSH_EVERY_SECONDS)

    async def _flush(self) -> None:
        # Who joins during the read is behind afterwards, and reads for itself what it wants.
        viewers = list(self._viewers)
        with_html = any(viewer.wants_html for viewer in viewers)
        update = await read_update_async(self._agent_id, self._seq, with_html=with_html)
        outages.end()
        for viewer in viewers:
            await self._show(viewer, update)
        if update is not None:
            self._seq = update.seq
            if update.has_more:
                self.wake()

    async def _show(self, viewer: Viewer, update: Update | None) -> None:
        """A viewer whose connection broke must not take the others with it."""
        try:
            if update is None:
                await viewer.agent_gone()
            else:
                await viewer.show(update)
        except Exception:
            logger.exception("a viewer of agent %s is dropped", self._agent_id)
            self._viewers.discard(viewer)
            with suppress(Exception):
                await viewer.dropped()
