"""What a request may carry, whichever way it came. Each raises InvalidRequest."""

from django.conf import settings

from agents.errors import InvalidRequest
from agents.models import EditMode

MAX_PROMPT_CHARACTERS = 200_000


def check_model(model: str) -> None:
    if model not in settings.CAM_MODELS:
        raise InvalidRequest(f"unknown model; this site offers {', '.join(settings.CAM_MODELS)}")


def check_edit_mode(mode: str) -> None:
    if mode not in EditMode.values:
        raise InvalidRequest(f"unknown edit mode; expected one of {', '.join(EditMode.values)}")


def check_prompt_length(text: str) -> None:
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise InvalidRequest(f"The prompt is longer than {MAX_PROMPT_CHARACTERS:,} characters.")
