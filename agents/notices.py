"""The socket of every page: how many agents need the user, what is unread, what to show now."""

import asyncio
import json
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import User

from agents.doorbells import AgentChanged, notice_group
from agents.models import Agent, Channel, Notification, NotificationChoice, Status
from agents.outages import DATABASE_IS_AWAY, outages
from agents.session_user import user_of_session

NOT_FOUND = 4404
GATHER_SECONDS = 0.2
LOOK_EVERY_SECONDS = 20.0
MAX_SHOWN = 5


class NoticesConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends counts when they change, and each new notification that the user wants on open pages."""

    async def connect(self) -> None:
        await self.accept()
        self._task: asyncio.Task[None] | None = None
        user = await user_of_session(self.scope)
        if not user.is_authenticated:
            await self.close(NOT_FOUND)
            return
        self._wake = asyncio.Event()
        self._group = notice_group(user.pk)
        self._sent = ""
        self._after = await database_sync_to_async(last_notification)(user)
        await self.channel_layer.group_add(self._group, self.channel_name)
        self._task = asyncio.create_task(self._run())

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        if self._task is not None:
            self._task.cancel()
            await self.channel_layer.group_discard(self._group, self.channel_name)

    async def agent_changed(self, message: AgentChanged) -> None:  # noqa: ARG002
        self._wake.set()

    async def _run(self) -> None:
        while True:
            try:
                if not await self._show():
                    return
                outages.end()
            except DATABASE_IS_AWAY as exc:
                outages.begin(exc)
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK_EVERY_SECONDS)
            except TimeoutError:
                continue
            await asyncio.sleep(GATHER_SECONDS)
            self._wake.clear()

    async def _show(self) -> bool:
        """Send what changed. False where the user is not signed in any more."""
        user = await user_of_session(self.scope)
        if not user.is_authenticated:
            await self.close(NOT_FOUND)
            return False
        news, self._after = await database_sync_to_async(read_news)(user, self._after)
        text = json.dumps(news)
        if text != self._sent:
            await self.send(text_data=text)
        self._sent = json.dumps(news | {"show": []})
        return True


def last_notification(user: User) -> int:
    row = Notification.objects.visible_to(user).first()
    return row.pk if row else 0


def read_news(user: User, after: int) -> tuple[dict[str, Any], int]:
    """The message of a page that has seen the notifications until `after`, and the new `after`."""
    mine = Notification.objects.visible_to(user).filter(agent__deleted_at__isnull=True)
    new = list(mine.filter(pk__gt=after, read_at=None).select_related("agent")[:MAX_SHOWN])[::-1]
    chosen = NotificationChoice.objects.filter(user=user, channel=Channel.BROWSER)
    kinds = set(chosen.values_list("kind", flat=True)) if new else set()
    news = {
        "needing": Agent.objects.actable_by(user).filter(status=Status.NEEDS_YOU).count(),
        "unread": mine.filter(read_at=None).count(),
        "show": [
            {
                "id": row.pk,
                "title": row.title,
                "body": row.text,
                "tag": row.tag,
                "url": f"/notifications/{row.pk}/",
            }
            for row in new
            if row.kind in kinds
        ],
    }
    return news, new[-1].pk if new else after
