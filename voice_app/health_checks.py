"""The check of speech, for `manage.py doctor`."""

from agents.diagnosis import Trouble
from agents.site_settings import current
from voice_app.services import is_available


def check_model() -> str:
    name = current("CAM_WHISPER_MODEL")
    if not is_available(name):
        raise Trouble(f"{name} is not here: manage.py fetch_whisper_model {name}")
    return f"{name} is here"
