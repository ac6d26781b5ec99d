"""What a user's launches begin with."""

from django.contrib.auth.models import User

from agents.models import EditMode, LaunchDefaults
from agents.site_settings import current


def default_model(user: User) -> str:
    """The user's own choice while the site offers it, else the site's first."""
    models: list[str] = current("CAM_MODELS")
    chosen = LaunchDefaults.objects.filter(user=user).values_list("model", flat=True).first()
    return chosen if chosen in models else models[0]


def launch_defaults(user: User) -> dict[str, str]:
    row = LaunchDefaults.objects.filter(user=user).first()
    return {"model": default_model(user), "edit_mode": row.edit_mode if row else EditMode.ASK}
