from pathlib import Path

from django.conf import settings
from django.db import models

from agents.models import Job
from agents.querysets import OwnedByUserQuerySet


class VoiceChoices(models.Model):
    """What a user wants otherwise than the site has it; empty and None: as the site."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="voice_choices"
    )
    model = models.CharField(max_length=10, blank=True)
    language = models.CharField(max_length=4, blank=True)
    auto_send = models.BooleanField(null=True, blank=True)
    silence_threshold_ms = models.PositiveIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.user_id}: {self.model} {self.language}"


class Recording(Job):
    """Something that a user said, until it is text and the page has it. Nobody else hears or reads it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recordings"
    )
    model = models.CharField(max_length=10)
    language = models.CharField(max_length=4, blank=True, help_text="Empty: the model finds out.")
    seconds = models.FloatField(default=0, help_text="How long it is, once it is decoded.")
    seconds_done = models.FloatField(default=0, help_text="How much of it is in the text.")
    text = models.TextField(blank=True, help_text="While it arrives: what is settled of it.")
    interim = models.TextField(blank=True, help_text="While it arrives: what may still change.")
    segments = models.JSONField(default=list, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedByUserQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.pk} {self.state}"

    @property
    def audio_path(self) -> Path:
        return Path(settings.CAM_VOICE_DIR) / str(self.pk)


class VoiceWorker(models.Model):
    """What a worker says of itself: the model that it holds, if any."""

    node = models.CharField(max_length=100, primary_key=True)
    loaded = models.CharField(max_length=10, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.node}: {self.loaded or 'no model'}"
