import secrets
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

NAME = "admin"


class Command(BaseCommand):
    help = (
        "Makes the first superuser and prints the password once; does nothing where there is one."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        if User.objects.filter(is_superuser=True).exists():
            return
        if User.objects.filter(username=NAME).exists():
            raise CommandError(
                f"there is no superuser, and {NAME} is an ordinary user's name: "
                "make one with `.venv/bin/python manage.py createsuperuser`"
            )
        password = secrets.token_urlsafe(15)
        User.objects.create_superuser(NAME, password=password)
        self.stdout.write(f"user      {NAME}")
        self.stdout.write(f"password  {password}   (shown this once)")
