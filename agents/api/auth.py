"""Who calls: a token in the `Authorization` header, or a signed-in browser's session cookie."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from ninja.errors import AuthenticationError
from ninja.security import HttpBearer, SessionAuth

from agents.models import ApiToken
from agents.models.token import hash_token

LAST_USED_STEP = timedelta(minutes=1)


class ApiRequest(HttpRequest):
    """A request that was authenticated: `auth` is its user, whichever way they came."""

    auth: User


class TokenAuth(HttpBearer):
    """Takes `Authorization: Bearer cam_...`. A token that is sent has to be good: no second try."""

    openapi_description = "A token from the account page."

    def __call__(self, request: HttpRequest) -> User | None:
        if "Authorization" not in request.headers:
            return None
        user: User | None = super().__call__(request)
        if user is None:
            raise AuthenticationError(message="The token is not valid.")
        return user

    def authenticate(self, request: HttpRequest, token: str) -> User | None:  # noqa: ARG002
        """Look the token up by its hash: the same one query whatever was sent."""
        found = (
            ApiToken.objects.select_related("user")
            .filter(digest=hash_token(token), user__is_active=True)
            .first()
        )
        if found is None:
            return None
        record_use(found)
        return found.user


class CookieAuth(SessionAuth):
    """Takes the session cookie, with the CSRF token where the method is unsafe."""

    def __call__(self, request: HttpRequest) -> User | None:
        # Who is not signed in is told so, and not about a CSRF token that would not help.
        if not request.user.is_authenticated:
            return None
        user: User | None = super().__call__(request)
        return user


def record_use(token: ApiToken) -> None:
    """Note when the token was last used, to the minute: a busy client is not a write a call."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at <= now - LAST_USED_STEP:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
