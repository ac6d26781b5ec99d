"""How a user's speech is listened to: the user's choices over the site's."""

from dataclasses import dataclass

from django.contrib.auth.models import User

from agents.site_settings import current
from voice_app.models import VoiceChoices

AUTOMATIC = "auto"


@dataclass(frozen=True)
class Voice:
    """`language` is a code, or AUTOMATIC."""

    model: str
    language: str
    auto_send: bool
    silence_threshold_ms: int


def voice_of(user: User) -> Voice:
    chosen = VoiceChoices.objects.filter(user=user).first() or VoiceChoices()
    return Voice(
        model=chosen.model or current("CAM_WHISPER_MODEL"),
        language=chosen.language or current("CAM_WHISPER_LANGUAGE"),
        auto_send=current("CAM_VOICE_AUTO_SEND")
        if chosen.auto_send is None
        else bool(chosen.auto_send),
        silence_threshold_ms=chosen.silence_threshold_ms
        or current("CAM_VOICE_SILENCE_THRESHOLD_MS"),
    )
