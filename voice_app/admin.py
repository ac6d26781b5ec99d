from django.contrib import admin

from agents.admin import ReadOnlyAdmin
from voice_app.models import Recording, VoiceChoices, VoiceWorker


@admin.register(Recording)
class RecordingAdmin(ReadOnlyAdmin):
    """How recordings fared; what was said is its speaker's alone."""

    list_display = ("created_at", "user", "state", "model", "language", "seconds", "finished_at")
    list_filter = ("state", "model")
    list_select_related = ("user",)
    exclude = ("text", "segments")


@admin.register(VoiceChoices)
class VoiceChoicesAdmin(ReadOnlyAdmin):
    list_display = ("user", "model", "language", "auto_send", "silence_threshold_ms")
    list_select_related = ("user",)


@admin.register(VoiceWorker)
class VoiceWorkerAdmin(ReadOnlyAdmin):
    list_display = ("node", "loaded", "changed_at")
