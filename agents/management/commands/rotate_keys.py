from typing import Any

from django.core.management.base import BaseCommand

from agents.encryption import Unreadable, rotate
from agents.models import OwnKey, Webhook


class Command(BaseCommand):
    help = "Encrypt users' secrets again, by the first of CAM_ENCRYPTION_KEYS; then others may go."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        done = lost = 0
        for model, field in ((OwnKey, "encrypted_key"), (Webhook, "encrypted_secret")):
            for row in model._default_manager.all():
                try:
                    fresh = rotate(getattr(row, field))
                except Unreadable:
                    lost += 1
                    continue
                # A secret that its user changes meanwhile is under the first key already.
                rows = model._default_manager.filter(pk=row.pk, **{field: getattr(row, field)})
                done += rows.update(**{field: fresh})
        self.stdout.write(f"encrypted again: {done}; not readable with any key: {lost}")
