"""The sockets: an agent's page as HTML, an agent as JSON, the list of agents as HTML."""

import asyncio
import json
import time
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import parse_qs
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import AnonymousUser, User
from django.http import QueryDict
from django.utils import timezone

from agents import fragments
from agents.doorbells import AgentChanged, agent_group, owner_group
from agents.feed import AgentFeed, Update, read_update_async
from agents.home import Asked, HomeSelection, find_asked, find_rows
from agents.models import Agent
from agents.numbers import parse_seq
from agents.outages import DATABASE_IS_AWAY, outages
from agents.services.presence import forget_viewer, note_viewer
from agents.session_user import user_of_session
from agents.tokens import user_of_authorization

NOT_FOUND = 4404
TRY_AGAIN = 1013
LIST_EVERY_SECONDS = 0.5
CHECK_EVERY_SECONDS = 15.0
MAX_LIST_QUERY_BYTES = 2_000


class AgentConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Replays an agent from `?after=<seq>`, then follows it. Strangers are closed with 4404."""

    wants_html: ClassVar[bool]

    async def connect(self) -> None:
        await self.accept()
        self.feed: AgentFeed | None = None
        self.agent_id: UUID = self.scope["url_route"]["kwargs"]["agent_id"]
        self._sending = asyncio.Lock()
        cursor = _cursor(self.scope["query_string"])
        if cursor is None or not await self._may_watch():
            await self.close(NOT_FOUND)
            return
        self.cursor = cursor
        await self.channel_layer.group_add(agent_group(self.agent_id), self.channel_name)
        await self._catch_up()
        self.feed = AgentFeed.join(self.agent_id, self, seq=self.cursor)
        self.feed.wake()

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        if self.feed is not None:
            self.feed.leave(self)
        await self.channel_layer.group_discard(agent_group(self.agent_id), self.channel_name)

    async def agent_changed(self, message: AgentChanged) -> None:  # noqa: ARG002
        if self.feed is not None:
            self.feed.wake()

    async def show(self, update: Update) -> None:
        if (
            time.monotonic() > self._checked_at + CHECK_EVERY_SECONDS
            and not await self._may_watch()
        ):
            await self.close(NOT_FOUND)
            return
        async with self._sending:
            if update.after == self.cursor:
                await self._send_update(update)
            elif update.seq > self.cursor:
                await self._read_until_present()

    async def _may_watch(self) -> bool:
        """Is the user still signed in, enabled, and shown this agent?"""
        self._checked_at = time.monotonic()
        user = await self.get_user()
        may_watch = await Agent.objects.visible_to(user).filter(pk=self.agent_id).aexists()
        if may_watch and isinstance(user, User):
            await self.note_presence(user)
        return may_watch

    async def note_presence(self, user: User) -> None:
        """Called every CHECK_EVERY_SECONDS; programs are not told of as people."""

    async def agent_gone(self) -> None:
        await self.close(NOT_FOUND)

    async def dropped(self) -> None:
        """The page connects again, from its own cursor."""
        await self.close(TRY_AGAIN)

    async def get_user(self) -> User | AnonymousUser:
        return await user_of_session(self.scope)

    async def send_update(self, update: Update) -> None:
        raise NotImplementedError

    async def _catch_up(self) -> None:
        async with self._sending:
            await self._read_until_present()

    async def _read_until_present(self) -> None:
        has_more = True
        while has_more:
            update = await read_update_async(self.agent_id, self.cursor, with_html=self.wants_html)
            if update is None:
                await self.agent_gone()
                return
            await self._send_update(update)
            has_more = update.has_more

    async def _send_update(self, update: Update) -> None:
        await self.send_update(update)
        self.cursor = update.seq


class AgentPageConsumer(AgentConsumer):
    """Frames of elements that htmx swaps out of band; parts that did not change are not sent."""

    wants_html = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._shown: dict[str, str] = {}
        self._present: User | None = None

    async def note_presence(self, user: User) -> None:
        await database_sync_to_async(note_viewer)(self.agent_id, user, timezone.now())
        self._present = user

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        if self._present is not None:
            with suppress(*DATABASE_IS_AWAY):
                await database_sync_to_async(forget_viewer)(self.agent_id, self._present)

    async def send_update(self, update: Update) -> None:
        parts = {**update.regions, "live": fragments.render_live(update.live_text)}
        changed = [html for key, html in parts.items() if self._shown.get(key) != html]
        self._shown = parts
        rows = fragments.render_appended(update.rows_html) if update.rows_html else ""
        if rows or changed:
            await self.send(text_data=rows + "".join(changed))


class AgentJsonConsumer(AgentConsumer):
    """The same for programs: `event`, `live` and `state` messages; see docs/api.md."""

    wants_html = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._live_text = ""
        self._state: dict[str, Any] = {}

    async def get_user(self) -> User | AnonymousUser:
        headers = dict(self.scope["headers"])
        if b"authorization" not in headers:
            return await super().get_user()
        authorization = headers[b"authorization"].decode("latin-1")
        return await database_sync_to_async(user_of_authorization)(authorization) or AnonymousUser()

    async def send_update(self, update: Update) -> None:
        for event in update.events:
            await self._send_json(
                "event",
                seq=event.seq,
                kind=event.kind,
                created_at=event.created_at.isoformat(),
                payload=event.payload,
            )
        if update.live_text != self._live_text:
            self._live_text = update.live_text
            await self._send_json("live", text=update.live_text)
        state = {
            "status": update.agent.status,
            "status_reason": update.agent.status_reason,
            "edit_mode": update.agent.edit_mode,
            "model": update.agent.model,
            "pending_approvals": update.pending_approvals,
        }
        if state != self._state:
            self._state = state
            await self._send_json("state", **state)

    async def _send_json(self, message_type: str, **fields: Any) -> None:
        await self.send(text_data=json.dumps({"type": message_type, **fields}))


class AgentListConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """What waits for the user and the rows of the list that the URL's query asks for, each whole,
    whenever it changed.
    """

    async def connect(self) -> None:
        await self.accept()
        self._task: asyncio.Task[None] | None = None
        self._groups: set[str] = set()
        user = await user_of_session(self.scope)
        if not user.is_authenticated:
            await self.close(NOT_FOUND)
            return
        self._wake = asyncio.Event()
        query = QueryDict(self.scope["query_string"][:MAX_LIST_QUERY_BYTES])
        self._selection = HomeSelection.from_query(query.dict())
        self._task = asyncio.create_task(self._run())

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        if self._task is not None:
            self._task.cancel()
        for group in self._groups:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def agent_changed(self, message: AgentChanged) -> None:  # noqa: ARG002
        self._wake.set()

    async def _listen_to(self, owner_ids: set[int]) -> None:
        """Hear of the agents of these owners only: whoever shares one with the user is among them."""
        wanted = {owner_group(owner_id) for owner_id in owner_ids}
        for group in wanted - self._groups:
            await self.channel_layer.group_add(group, self.channel_name)
        for group in self._groups - wanted:
            await self.channel_layer.group_discard(group, self.channel_name)
        self._groups = wanted

    async def _run(self) -> None:
        self._shown = ""
        self._asked: Asked | None = None
        while True:
            try:
                if not await self._show():
                    return
                outages.end()
            except DATABASE_IS_AWAY as exc:
                outages.begin(exc)
            try:
                await asyncio.wait_for(self._wake.wait(), 10 * LIST_EVERY_SECONDS)
            except TimeoutError:
                continue
            await asyncio.sleep(LIST_EVERY_SECONDS)
            self._wake.clear()

    async def _show(self) -> bool:
        """Send what changed. False where the user is not signed in any more."""
        user = await user_of_session(self.scope)
        if not user.is_authenticated:
            await self.close(NOT_FOUND)
            return False
        owner_ids, rows_html, asked = await database_sync_to_async(_read_list)(
            user, self._selection
        )
        await self._listen_to({user.pk, *owner_ids})
        news = rows_html if rows_html != self._shown else ""
        if asked != self._asked:
            news += await database_sync_to_async(fragments.render_queue)(asked, oob=True)
        self._shown, self._asked = rows_html, asked
        if news:
            await self.send(text_data=news)
        return True


def _cursor(query_string: bytes) -> int | None:
    """The `after` of the URL, 0 without one, None where it is no sequence number."""
    text = parse_qs(query_string.decode("latin-1")).get("after", ["0"])[0]
    return parse_seq(text)


def _read_list(user: User, selection: HomeSelection) -> tuple[set[int], str, Asked]:
    """The owners of the agents that the user sees, the rows that are asked for, and what waits."""
    owner_ids = set(Agent.objects.visible_to(user).order_by().values_list("owner", flat=True))
    rows_html = fragments.render_list_rows(find_rows(user, selection), oob=True)
    return owner_ids, rows_html, find_asked(user)
