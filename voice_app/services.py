"""From a recording to its text. Views and API keep it, a worker listens to it."""

import logging
import os
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from agents.errors import InvalidRequest, LimitReached
from agents.models import OPEN_STATES, Agent, JobState
from agents.services.queue import enqueue
from voice_app.audio import HEAD_BYTES, SAMPLE_RATE, AudioError, decode, format_of
from voice_app.choices import AUTOMATIC, voice_of
from voice_app.models import Recording, VoiceWorker
from voice_app.whisper import ModelMissing, UnknownLanguage, WarmModel, is_present

logger = logging.getLogger(__name__)

MAX_WAITING = 5
LOST_AFTER = timedelta(seconds=30)
DEAD_AFTER = timedelta(minutes=10)
NOT_HEARD = "The recording could not be listened to. An administrator finds the reason in the log."
NO_SPEECH = "No speech was heard. Speak closer to the microphone, and try again."


def model_folder(name: str) -> Path:
    return Path(settings.CAM_WHISPER_DIR) / name


def is_available(model: str) -> bool:
    return is_present(model_folder(model))


def add_recording(
    user: User,
    file: "UploadedFile[Any]",
    *,
    agent: Agent | None = None,
    model: str = "",
    language: str = "",
) -> Recording:
    """Keep it for a worker. Raises InvalidRequest or LimitReached."""
    limit = settings.CAM_VOICE_MAX_MB * 1_000_000
    if file.size and file.size > limit:
        raise InvalidRequest(f"The recording is larger than {settings.CAM_VOICE_MAX_MB} MB.")
    try:
        format_of(file.read(HEAD_BYTES))
    except AudioError as exc:
        raise InvalidRequest(str(exc)) from exc
    voice = voice_of(user)
    name = model or voice.model
    if not is_available(name):
        raise InvalidRequest(f"The speech model {name} is not on this site.")
    open_ones = Recording.objects.filter(user=user, state__in=OPEN_STATES)
    if open_ones.count() >= MAX_WAITING:
        raise LimitReached("Several recordings of yours wait already. Try again in a moment.")
    spoken = language or voice.language
    recording = Recording(
        user=user, agent=agent, model=name, language="" if spoken == AUTOMATIC else spoken
    )
    file.seek(0)
    recording.audio_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(recording.audio_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as kept:
        for chunk in file.chunks():
            kept.write(chunk)
    recording.save(force_insert=True)
    enqueue("transcribe", str(recording.pk), app="voice_app")
    return recording


def listen(recording_id: UUID | str, model: WarmModel) -> None:
    """Make text of it, once; how it went is on its row."""
    waiting = Recording.objects.filter(pk=recording_id, state=JobState.QUEUED)
    if not waiting.update(state=JobState.RUNNING, started_at=timezone.now()):
        return
    recording = Recording.objects.get(pk=recording_id)
    rows = Recording.objects.filter(pk=recording.pk)
    try:
        with recording.audio_path.open("rb") as file:
            samples = decode(file, settings.CAM_VOICE_MAX_SECONDS)
        rows.update(seconds=len(samples) / SAMPLE_RATE)
        transcript = model.transcribe(
            samples,
            model_folder(recording.model),
            language=recording.language or None,
            progress=lambda seconds: rows.update(seconds_done=seconds),
        )
        if not transcript.text:
            raise AudioError(NO_SPEECH)
    except (AudioError, ModelMissing, UnknownLanguage) as exc:
        rows.update(state=JobState.FAILED, error=str(exc), finished_at=timezone.now())
    except Exception:  # a model that is damaged, a full disk: whoever speaks waits for a word
        logger.exception("recording %s could not be listened to", recording.pk)
        rows.update(state=JobState.FAILED, error=NOT_HEARD, finished_at=timezone.now())
    else:
        rows.update(
            state=JobState.DONE,
            text=transcript.text,
            segments=[asdict(segment) for segment in transcript.segments],
            language=transcript.language,
            seconds=transcript.seconds,
            seconds_done=transcript.seconds,
            finished_at=timezone.now(),
        )
    if not settings.CAM_VOICE_KEEP_MINUTES:
        recording.audio_path.unlink(missing_ok=True)


def tell_loaded(name: str) -> None:
    VoiceWorker.objects.update_or_create(node=settings.CAM_NODE_NAME, defaults={"loaded": name})


def tidy(now: datetime) -> None:
    """Ask again for what a broker lost, give up what a worker died of, forget what is old."""
    for recording in Recording.objects.filter(
        state=JobState.QUEUED, created_at__lt=now - LOST_AFTER
    ):
        enqueue("transcribe", str(recording.pk), app="voice_app")
    Recording.objects.filter(state=JobState.RUNNING, started_at__lt=now - DEAD_AFTER).update(
        state=JobState.FAILED,
        error="The worker ended while it listened. Try again.",
        finished_at=now,
    )
    keep = timedelta(minutes=max(settings.CAM_VOICE_KEEP_MINUTES, 60))
    Recording.objects.filter(created_at__lt=now - keep).exclude(state__in=OPEN_STATES).delete()
    _remove_files(now)


def _remove_files(now: datetime) -> None:
    """Recordings past their time, and files whose rows are gone, such as a deleted user's."""
    folder = Path(settings.CAM_VOICE_DIR)
    if not folder.is_dir():
        return
    oldest = now - timedelta(minutes=settings.CAM_VOICE_KEEP_MINUTES)
    kept = Recording.objects.exclude(finished_at__lt=oldest).values_list("pk", flat=True)
    names = {str(key) for key in kept}
    for path in folder.iterdir():
        is_old = path.stat().st_mtime < (now - LOST_AFTER).timestamp()
        if path.name not in names and is_old:
            path.unlink(missing_ok=True)
