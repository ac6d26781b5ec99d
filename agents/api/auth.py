"""Who calls: a token in the `Authorization` header, or a signed-in browser's session cookie."""

from django.contrib.auth.models import User
from django.http import HttpRequest
from ninja.errors import AuthenticationError
from ninja.security import HttpBearer, SessionAuth

from agents.tokens import user_of_token


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
        return user_of_token(token)


class CookieAuth(SessionAuth):
    """Takes the session cookie, with the CSRF token where the method is unsafe."""

    def __call__(self, request: HttpRequest) -> User | None:
        # Who is not signed in is told so, and not about a CSRF token that would not help.
        if not request.user.is_authenticated:
            return None
        user: User | None = super().__call__(request)
        return user
