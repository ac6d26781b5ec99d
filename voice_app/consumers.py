"""The socket of a page's microphone."""

import json
import time
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from agents.errors import AgentError, InvalidRequest
from agents.models import JobState
from agents.session_user import user_of_session
from voice_app import services
from voice_app.doorbells import RecordingChanged, recording_group
from voice_app.models import Recording

NOT_FOUND = 4404
ASK_AGAIN_SECONDS = 2.0
END = "end"
FIELDS = ("state", "text", "interim", "error", "seconds", "seconds_done")


class SpeechConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One recording: binary messages are its sound, as it is recorded, and END says that this was all.

    Answers with the recording's FIELDS whenever they changed, last with its text or what is wrong. A page
    that has waited for long says END again, in case that a doorbell was lost.
    """

    async def connect(self) -> None:
        await self.accept()
        self._recording: Recording | None = None
        self._shown: dict[str, Any] = {}
        self._asked_at = 0.0
        user = await user_of_session(self.scope)
        if not user.is_authenticated:
            await self.close(NOT_FOUND)
            return
        try:
            self._recording = await database_sync_to_async(services.begin_recording)(user)
        except AgentError as exc:
            await self._refuse(exc)
            return
        self._group = recording_group(self._recording.pk)
        await self.channel_layer.group_add(self._group, self.channel_name)

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        if self._recording is not None:
            await self.channel_layer.group_discard(self._group, self.channel_name)
            await database_sync_to_async(services.abandon)(self._recording)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._recording is None:
            return
        try:
            if bytes_data is not None:
                await database_sync_to_async(services.add_sound)(self._recording, bytes_data)
                await self._ask_for_interim(self._recording)
            elif text_data == END:
                await database_sync_to_async(services.end_recording)(self._recording)
                await self._show(self._recording)
            else:
                raise InvalidRequest(f"Send sound, or {END}.")
        except AgentError as exc:
            await self._refuse(exc)

    async def recording_changed(self, message: RecordingChanged) -> None:  # noqa: ARG002
        self._asked_at = 0.0
        if self._recording is not None:
            await self._show(self._recording)

    async def _ask_for_interim(self, recording: Recording) -> None:
        """One at a time, of sound that has just come: between two pieces of it, the newest grows old."""
        now = time.monotonic()
        if now > self._asked_at + ASK_AGAIN_SECONDS:
            self._asked_at = now
            await database_sync_to_async(services.ask_for_interim)(recording)

    async def _show(self, recording: Recording) -> None:
        row = await Recording.objects.filter(pk=recording.pk).values(*FIELDS).afirst()
        if row is None:
            await self.close()
        elif row != self._shown:
            self._shown = row
            await self.send(text_data=json.dumps(row))
            if row["state"] in (JobState.DONE, JobState.FAILED):
                await self.close()

    async def _refuse(self, error: AgentError) -> None:
        await self.send(text_data=json.dumps({"state": JobState.FAILED, "error": str(error)}))
        await self.close()
