"""A user's own key to the model API. Whoever shows one shows `hint` and nothing else."""

import re

from django.contrib.auth.models import User
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from agents.encryption import decrypt, encrypt
from agents.errors import InvalidRequest
from agents.models import OwnKey

KEY_PATTERN = re.compile(r"sk-ant-[A-Za-z0-9_-]{20,200}")


@sensitive_variables("key")
def set_own_key(user: User, key: str) -> None:
    """From now on this key pays for the user's agents. Raises InvalidRequest."""
    if not KEY_PATTERN.fullmatch(key):
        raise InvalidRequest("This is no key of the Anthropic API: they begin with sk-ant-.")
    OwnKey.objects.update_or_create(
        user=user,
        defaults={
            "encrypted_key": encrypt(key),
            "hint": key[-4:],
            "set_at": timezone.now(),
        },
    )


def remove_own_key(user: User) -> None:
    OwnKey.objects.filter(user=user).delete()


def reveal(row: OwnKey) -> str:
    """The key itself, for the gateway only. Raises encryption.Unreadable."""
    return decrypt(row.encrypted_key)
