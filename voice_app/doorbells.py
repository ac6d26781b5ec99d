from typing import Literal, TypedDict
from uuid import UUID

from asgiref.sync import async_to_sync

from agents.doorbells import send


class RecordingChanged(TypedDict):
    type: Literal["recording.changed"]


def recording_group(recording_id: UUID | str) -> str:
    """For the page that somebody speaks to."""
    return f"recording.{recording_id}"


def ring_recording(recording_id: UUID | str) -> None:
    async_to_sync(send)(RecordingChanged(type="recording.changed"), recording_group(recording_id))
