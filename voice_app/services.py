"""From a recording to its text. Sockets and API keep it, a worker listens to it."""

import logging
import os
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils import timezone

from agents.errors import InvalidRequest, LimitReached
from agents.models import OPEN_STATES, JobState
from agents.services.queue import enqueue
from voice_app.audio import HEAD_BYTES, SAMPLE_RATE, AudioError, decode, format_of
from voice_app.choices import AUTOMATIC, voice_of
from voice_app.doorbells import ring_recording
from voice_app.models import Recording, VoiceWorker
from voice_app.whisper import ModelMissing, UnknownLanguage, WarmModel, is_present

logger = logging.getLogger(__name__)

MAX_WAITING = 5
LOST_AFTER = timedelta(seconds=30)
DEAD_AFTER = timedelta(minutes=10)
NOT_HEARD = "The recording could not be listened to. An administrator finds the reason in the log."
EMPTY = "The recording is empty."
NO_SPEECH = "No speech was heard. Speak closer to the microphone, and try again."


def model_folder(name: str) -> Path:
    return Path(settings.CAM_WHISPER_DIR) / name


def is_available(model: str) -> bool:
    return is_present(model_folder(model))


def add_recording(
    user: User, file: "UploadedFile[Any]", *, model: str = "", language: str = ""
) -> Recording:
    """Keep a whole one for a worker. Raises InvalidRequest or LimitReached."""
    if not file.size:
        raise InvalidRequest(EMPTY)
    _check_size(file.size)
    recording = begin_recording(user, model=model, language=language)
    try:
        for chunk in file.chunks():
            add_sound(recording, chunk)
    except InvalidRequest:
        abandon(recording)
        raise
    end_recording(recording)
    return recording


def begin_recording(user: User, *, model: str = "", language: str = "") -> Recording:
    """One whose sound arrives from now on. Raises InvalidRequest or LimitReached."""
    voice = voice_of(user)
    name = model or voice.model
    if not is_available(name):
        raise InvalidRequest(f"The speech model {name} is not on this site.")
    open_ones = Recording.objects.filter(user=user, state__in=OPEN_STATES)
    if open_ones.count() >= MAX_WAITING:
        raise LimitReached("Several recordings of yours wait already. Try again in a moment.")
    spoken = language or voice.language
    recording = Recording(
        user=user,
        state=JobState.ARRIVING,
        model=name,
        language="" if spoken == AUTOMATIC else spoken,
    )
    recording.audio_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(recording.audio_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    recording.save(force_insert=True)
    return recording


def add_sound(recording: Recording, data: bytes) -> None:
    """Raises InvalidRequest where there is too much of it, or it is no sound.

    A browser that is busy may send its first byte alone.
    """
    with recording.audio_path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        _check_size(size + len(data))
        if size < HEAD_BYTES <= size + len(data):
            file.seek(0)
            try:
                format_of((file.read() + data)[:HEAD_BYTES])
            except AudioError as exc:
                raise InvalidRequest(str(exc)) from exc
        file.write(data)


def ask_for_interim(recording: Recording) -> None:
    enqueue("listen_so_far", str(recording.pk), app="voice_app")


def end_recording(recording: Recording) -> None:
    """All of it is here. Raises InvalidRequest where that is nothing."""
    if not recording.audio_path.stat().st_size:
        raise InvalidRequest(EMPTY)
    if _arriving(recording.pk).update(state=JobState.QUEUED):
        enqueue("transcribe", str(recording.pk), app="voice_app")


def abandon(recording: Recording) -> None:
    """Forget it, unless all of it is here."""
    if _arriving(recording.pk).delete()[0]:
        recording.audio_path.unlink(missing_ok=True)


def listen_so_far(recording_id: UUID | str, model: WarmModel) -> None:
    """Put on the row what can be made of it while it arrives. What is wrong with it is said at its end."""
    recording = _arriving(recording_id).first()
    if recording is None:
        return
    with suppress(AudioError, ModelMissing, UnknownLanguage, FileNotFoundError):
        done = recording.seconds_done
        with recording.audio_path.open("rb") as file:
            most = settings.CAM_VOICE_MAX_SECONDS - done
            samples = decode(file, most, is_whole=False, begin=done)
        interim = model.listen_so_far(
            samples, model_folder(recording.model), language=recording.language or None
        )
        seconds = done + len(samples) / SAMPLE_RATE
        heard: dict[str, object] = {"seconds": seconds, "interim": interim.text}
        if interim.settled_seconds:
            text = f"{recording.text} {interim.text}".strip()
            heard |= {"text": text, "interim": "", "seconds_done": done + interim.settled_seconds}
        _arriving(recording_id).update(**heard)
    ring_recording(recording.pk)


def _arriving(recording_id: UUID | str) -> QuerySet[Recording]:
    return Recording.objects.filter(pk=recording_id, state=JobState.ARRIVING)


def _check_size(size: int) -> None:
    if size > settings.CAM_VOICE_MAX_MB * 1_000_000:
        raise InvalidRequest(f"The recording is larger than {settings.CAM_VOICE_MAX_MB} MB.")


def listen(recording_id: UUID | str, model: WarmModel) -> None:
    """Make text of it, once; how it went is on its row."""
    waiting = Recording.objects.filter(pk=recording_id, state=JobState.QUEUED)
    if not waiting.update(state=JobState.RUNNING, seconds_done=0, started_at=timezone.now()):
        return
    recording = Recording.objects.get(pk=recording_id)
    rows = Recording.objects.filter(pk=recording.pk)

    def tell_progress(seconds: float) -> None:
        rows.update(seconds_done=seconds)
        ring_recording(recording.pk)

    try:
        with recording.audio_path.open("rb") as file:
            samples = decode(file, settings.CAM_VOICE_MAX_SECONDS)
        rows.update(seconds=len(samples) / SAMPLE_RATE)
        transcript = model.transcribe(
            samples,
            model_folder(recording.model),
            language=recording.language or None,
            progress=tell_progress,
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
            interim="",
            finished_at=timezone.now(),
        )
    ring_recording(recording.pk)
    if not settings.CAM_VOICE_KEEP_MINUTES:
        recording.audio_path.unlink(missing_ok=True)


def tell_loaded(name: str) -> None:
    VoiceWorker.objects.update_or_create(node=settings.CAM_NODE_NAME, defaults={"loaded": name})


def tidy(now: datetime) -> None:
    """Ask again for what a broker lost, give up what a worker died of, forget what is old or never ended."""
    for recording in Recording.objects.filter(
        state=JobState.QUEUED, created_at__lt=now - LOST_AFTER
    ):
        enqueue("transcribe", str(recording.pk), app="voice_app")
    Recording.objects.filter(state=JobState.RUNNING, started_at__lt=now - DEAD_AFTER).update(
        state=JobState.FAILED,
        error="The worker ended while it listened. Try again.",
        finished_at=now,
    )
    for recording in Recording.objects.filter(
        state=JobState.ARRIVING, created_at__lt=now - LOST_AFTER
    ):
        if not _has_new_sound(recording, now):
            abandon(recording)
    keep = timedelta(minutes=max(settings.CAM_VOICE_KEEP_MINUTES, 60))
    Recording.objects.filter(created_at__lt=now - keep).exclude(state__in=OPEN_STATES).delete()
    _remove_files(now)


def _has_new_sound(recording: Recording, now: datetime) -> bool:
    """A page that is there sends some several times a second; one whose web process died does not."""
    try:
        return recording.audio_path.stat().st_mtime > (now - LOST_AFTER).timestamp()
    except FileNotFoundError:
        return False


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
