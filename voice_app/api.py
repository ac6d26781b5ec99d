"""Speech by the HTTP API."""

import time
from typing import Literal

from ninja import Field, File, Form, Router, Schema, UploadedFile
from ninja.errors import HttpError

from agents.api.agents import REFUSALS
from agents.api.auth import ApiRequest
from agents.models import JobState
from voice_app.choices import voice_of
from voice_app.models import Recording, VoiceWorker
from voice_app.services import add_recording, is_available
from voice_app.whisper import ModelName

WAIT_SECONDS = 600

router = Router()


class VoiceBody(Schema):
    model: ModelName | Literal[""] = Field("", description="Without one, yours or the site's.")
    language: str = Field(
        "", pattern="^(auto|[a-z]{2,3})?$", description="A code such as en, or auto."
    )


class SegmentOut(Schema):
    start: float = Field(description="Seconds from the beginning.")
    end: float
    text: str


class TranscriptOut(Schema):
    text: str = Field(examples=["Run the tests and fix what fails."])
    segments: list[SegmentOut]
    language: str = Field(examples=["en"])
    seconds: float = Field(description="How long the recording is.")


class VoiceStatus(Schema):
    available: bool = Field(description="Whether your model is on this site.")
    model: str = Field(description="The model that you are listened to with.", examples=["base"])
    loaded: list[str] = Field(description="Models that are warm in a worker.")
    queue: int = Field(description="Recordings that wait or are listened to, of all users.")


@router.post(
    "/transcribe",
    response={200: TranscriptOut, **REFUSALS},
    summary="Make text of a recording: WAV, WebM, Ogg, MP3 or M4A.",
)
def transcribe(request: ApiRequest, file: File[UploadedFile], body: Form[VoiceBody]) -> Recording:
    """Waits for the worker."""
    recording = add_recording(request.auth, file, model=body.model, language=body.language)
    began = time.monotonic()
    while not recording.is_over:
        waited = time.monotonic() - began
        if waited > WAIT_SECONDS:
            raise HttpError(503, "No worker has listened to it yet. Try again later.")
        time.sleep(_pause(waited))
        recording.refresh_from_db(fields=["state"])
    recording.refresh_from_db()
    if recording.state == JobState.FAILED:
        raise HttpError(422, recording.error)
    return recording


def _pause(waited: float) -> float:
    """Until the next look, so that what it adds to the wait stays small, and what it takes from the worker too."""
    return min(max(0.03, waited / 50), 1.0)


@router.get(
    "/status",
    response={200: VoiceStatus, **REFUSALS},
    summary="Whether speech can be listened to here, and how much waits.",
)
def status(request: ApiRequest) -> dict[str, object]:
    model = voice_of(request.auth).model
    loaded = VoiceWorker.objects.exclude(loaded="").values_list("loaded", flat=True)
    waiting = Recording.objects.filter(state__in=(JobState.QUEUED, JobState.RUNNING))
    return {
        "available": is_available(model),
        "model": model,
        "loaded": sorted(set(loaded)),
        "queue": waiting.count(),
    }
