"""What the voice worker does. Short tasks by key, as everywhere; the model stays warm between them."""

import functools
import os

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from voice_app import services
from voice_app.whisper import WarmModel


@functools.cache
def _model() -> WarmModel:
    """One a process."""
    return WarmModel(
        threads=settings.CAM_WHISPER_THREADS or os.cpu_count() or 1,
        idle_seconds=60 * settings.CAM_WHISPER_IDLE_MINUTES,
        told=services.tell_loaded,
    )


@shared_task(soft_time_limit=580, time_limit=600)
def transcribe(recording_id: str) -> None:
    services.listen(recording_id, _model())


@shared_task
def listen_so_far(recording_id: str) -> None:
    services.listen_so_far(recording_id, _model())


@shared_task
def tidy_recordings() -> None:
    services.tidy(timezone.now())
