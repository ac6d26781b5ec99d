"""Who a socket belongs to."""

from typing import Any

from channels.auth import get_user
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore


async def user_of_session(scope: dict[str, Any]) -> User | AnonymousUser:
    """Whose the cookie's session is now: nobody's after a logout, or where the user is disabled."""
    session = SessionStore(scope["session"].session_key)
    return await get_user({"session": session})  # type: ignore[no-any-return]
