from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from agents.site_settings import current


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up is closed unless the site opens it."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return bool(current("CAM_SIGNUP_OPEN"))
