"""What a request may carry, whichever way it came. Each raises InvalidRequest."""

from agents.errors import InvalidRequest
from agents.models import EditMode
from agents.site_settings import current

MAX_PROMPT_CHARACTERS = 200_000


def check_model(model: str) -> None:
    offered = current("CAM_MODELS")
    if model not in offered:
        raise InvalidRequest(f"unknown model; this site offers {', '.join(offered)}")


def check_edit_mode(mode: str) -> None:
    if mode not in EditMode.values:
        raise InvalidRequest(f"unknown edit mode; expected one of {', '.join(EditMode.values)}")


def check_prompt_length(text: str) -> None:
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise InvalidRequest(f"The prompt is longer than {MAX_PROMPT_CHARACTERS:,} characters.")
