"""What users set on the Config page, apart from their key."""

import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256

from django.contrib.auth.models import User
from django.db import transaction

from agents.encryption import encrypt
from agents.errors import LimitReached
from agents.models import NotificationChoice, PushSubscription, Webhook

MAX_DEVICES = 20


def choose_notifications(user: User, choices: Sequence[NotificationChoice]) -> None:
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # two forms at once take turns
        NotificationChoice.objects.filter(user=user).delete()
        for choice in choices:
            choice.user = user
        NotificationChoice.objects.bulk_create(choices)


def add_device(user: User, given: Mapping[str, str]) -> PushSubscription:
    """Let the browser get pushes; one that is known is brought up to date, whoever used it before.

    Raises LimitReached.
    """
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        digest = sha256(given["endpoint"].encode()).hexdigest()
        others = PushSubscription.objects.visible_to(user).exclude(endpoint_digest=digest)
        if others.count() >= MAX_DEVICES:
            raise LimitReached(f"You have {MAX_DEVICES} devices. Remove one first.")
        device, _ = PushSubscription.objects.update_or_create(
            endpoint_digest=digest, defaults={**given, "user": user}
        )
    return device


def save_webhook(user: User, url: str, secret: str) -> str:
    """Returns the secret where one had to be made: it is shown now, and never again."""
    webhook = Webhook.objects.filter(user=user).first()
    made = "" if secret or webhook else secrets.token_urlsafe(32)
    fields = {"url": url}
    if secret or made:
        fields["encrypted_secret"] = encrypt(secret or made)
    Webhook.objects.update_or_create(user=user, defaults=fields)
    return made
