from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.django_db


def run() -> str:
    out = StringIO()
    call_command("create_admin", stdout=out)
    return out.getvalue()


def test_first_run_makes_a_superuser_and_prints_the_password(client):
    words = run().split()
    password = words[words.index("password") + 1]
    assert client.login(username="admin", password=password)
    assert User.objects.get().is_superuser


def test_second_run_is_quiet_and_changes_nothing():
    run()
    before = User.objects.values().get()
    assert run() == ""
    assert User.objects.values().get() == before


def test_another_superuser_is_enough():
    User.objects.create_superuser("root", password="x")
    assert run() == ""
    assert not User.objects.filter(username="admin").exists()


def test_ordinary_user_of_that_name_is_left_alone():
    User.objects.create_user("admin", password="x")
    with pytest.raises(CommandError, match="createsuperuser"):
        run()
    assert not User.objects.get().is_superuser
