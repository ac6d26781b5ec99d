"""Who an `Authorization: Bearer cam_...` header speaks for, on HTTP and on sockets."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from agents.models import ApiToken
from agents.models.token import hash_token

LAST_USED_STEP = timedelta(minutes=1)


def user_of_token(raw: str) -> User | None:
    """The active user that the token belongs to: the same one query whatever was sent."""
    token = (
        ApiToken.objects.select_related("user")
        .filter(digest=hash_token(raw), user__is_active=True)
        .first()
    )
    if token is None:
        return None
    _record_use(token)
    return token.user


def user_of_authorization(header: str) -> User | None:
    """The same for the whole header; None where it is no bearer token."""
    scheme, _, raw = header.partition(" ")
    return user_of_token(raw.strip()) if scheme.lower() == "bearer" else None


def _record_use(token: ApiToken) -> None:
    """Note when the token was last used, to the minute: a busy client is not a write a call."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at <= now - LAST_USED_STEP:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
