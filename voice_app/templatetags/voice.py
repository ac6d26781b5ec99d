"""Speech on other apps' pages: `{% load voice %}`."""

from django import template
from django.conf import settings
from django.contrib.auth.models import User

from agents.models import Agent
from voice_app.choices import voice_of
from voice_app.forms import VoiceForm
from voice_app.models import VoiceChoices
from voice_app.services import is_available

register = template.Library()


@register.inclusion_tag("voice_app/_microphone.html")
def microphone(user: User, agent: Agent) -> dict[str, object]:
    """The recorder of a prompt box; its script puts what was said into `#prompt`."""
    voice = voice_of(user)
    return {
        "agent": agent,
        "voice": voice,
        "is_available": is_available(voice.model),
        "max_seconds": settings.CAM_VOICE_MAX_SECONDS,
    }


@register.inclusion_tag("voice_app/_config_voice.html", takes_context=True)
def voice_config(context: template.Context) -> dict[str, object]:
    user = context["user"]
    voice = voice_of(user)
    return {
        "form": VoiceForm(instance=VoiceChoices.objects.filter(user=user).first()),
        "voice": voice,
        "is_available": is_available(voice.model),
        "keep_minutes": settings.CAM_VOICE_KEEP_MINUTES,
        "csrf_token": context.get("csrf_token"),
    }
