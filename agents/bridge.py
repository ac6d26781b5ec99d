"""The process that carries bytes between a node's containers and the rows.

Links follow the sessions; jobs of other apps run beside them; doorbells go out from one event loop,
coalesced. It may die at any moment: the next one continues from the cursors.
"""

import asyncio
import logging
import threading
from dataclasses import dataclass, field

from channels.layers import get_channel_layer
from django.db import connection
from redis.exceptions import RedisError

from agents import containers
from agents.bridge_jobs import BridgeJob, jobs
from agents.doorbells import agent_group, bridge_group, owner_group, ring
from agents.models import Agent, AgentSession
from agents.outages import DATABASE_IS_AWAY, outages
from agents.outbox import with_something_to_tell
from agents.reconciliation import reconcile
from agents.session_link import SessionLink
from cam_site import heartbeats

logger = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 1.0
RECONCILE_EVERY_SECONDS = 60.0
RING_EVERY_SECONDS = 0.02
BROKER_RETRY_SECONDS = 2.0
JOIN_SECONDS = 3.0


@dataclass
class Bridge:
    """One a node. `run` returns after `stop`."""

    node: str
    links: dict[int, SessionLink] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _changed: dict[str, int] = field(default_factory=dict)

    async def run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._look = asyncio.Event()
        self._has_changed = asyncio.Event()
        for job in (*jobs, BridgeJob("reconciliation", self._reconcile, RECONCILE_EVERY_SECONDS)):
            threading.Thread(target=self._repeat, args=(job,), name=job.name, daemon=True).start()
        helpers = [asyncio.create_task(self._listen()), asyncio.create_task(self._ring_changes())]
        logger.info("bridge of node %s is up", self.node)
        while not self._stopping.is_set():
            await asyncio.to_thread(self._look_at_sessions)
            heartbeats.touch("bridge")
            self._look.clear()
            try:
                await asyncio.wait_for(self._look.wait(), LOOK_EVERY_SECONDS)
            except TimeoutError:
                continue
        for helper in helpers:
            helper.cancel()
        await asyncio.to_thread(self._stop_links)

    def stop(self) -> None:
        """Detach from every container; from a signal handler of the loop."""
        self._stopping.set()
        self._look.set()

    def _look_at_sessions(self) -> None:
        try:
            self._link_sessions()
        except DATABASE_IS_AWAY as exc:
            outages.begin(exc)
            connection.close()
        else:
            outages.end()

    def _link_sessions(self) -> None:
        """Link what runs, drop links that are over, wake those with something to tell."""
        for key, link in list(self.links.items()):
            if not link.is_alive:
                del self.links[key]
        sessions = (
            AgentSession.objects.open().filter(agent__node=self.node).exclude(container_id="")
        )
        for session in sessions.exclude(pk__in=self.links).select_related("agent"):
            self.links[session.pk] = SessionLink(session, on_change=self._session_changed)
            self.links[session.pk].start()
        linked = sessions.filter(pk__in=self.links)
        for key in with_something_to_tell(linked).values_list("pk", flat=True):
            self.links[key].wake()

    def _stop_links(self) -> None:
        for link in self.links.values():
            link.stop()
        for link in self.links.values():
            link.join(JOIN_SECONDS)

    def _session_changed(self, session: AgentSession) -> None:
        """From a link's thread: have the viewers of the agent rung."""
        self._loop.call_soon_threadsafe(self._note_change, session.agent)

    def _note_change(self, agent: Agent) -> None:
        self._changed[str(agent.pk)] = agent.owner_id
        self._has_changed.set()

    async def _ring_changes(self) -> None:
        while True:
            await self._has_changed.wait()
            self._has_changed.clear()
            changed, self._changed = self._changed, {}
            for agent_id, owner_id in changed.items():
                await ring(agent_group(agent_id), owner_group(owner_id), agent_id=agent_id)
            await asyncio.sleep(RING_EVERY_SECONDS)

    async def _listen(self) -> None:
        """Look at once when a doorbell rings, so that nothing waits for the next round."""
        while True:
            try:
                layer = get_channel_layer()
                channel = await layer.new_channel()
                await layer.group_add(bridge_group(self.node), channel)
                while True:
                    await layer.receive(channel)
                    self._look.set()
            except (OSError, RedisError) as exc:
                logger.warning("no doorbells for now: %s", exc)
                await asyncio.sleep(BROKER_RETRY_SECONDS)

    def _reconcile(self) -> None:
        try:
            reconcile(self.node)
        except containers.ContainerError as exc:
            logger.warning("no reconciliation for now: %s", exc)

    def _repeat(self, job: BridgeJob) -> None:
        while not self._stopping.is_set():
            try:
                job.run()
            except DATABASE_IS_AWAY as exc:
                outages.begin(exc)
                connection.close()
            except Exception:
                logger.exception("%s failed; it is tried again", job.name)
                connection.close()
            self._stopping.wait(job.every_seconds)
