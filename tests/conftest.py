from pathlib import Path

import pytest
from django.contrib.auth.models import User

from agents.site_settings import Store
from tests.e2e.fixtures import alice_client, make_stack, postgres, stack  # noqa: F401

E2E_FOLDERS = {"e2e", "browser", "faults"}


def pytest_collection_modifyitems(items):
    for item in items:
        if E2E_FOLDERS & set(item.path.relative_to(Path(__file__).parent).parts):
            item.add_marker(pytest.mark.e2e)
        if "make_stack" in item.fixturenames:
            item.add_marker(pytest.mark.portal)


@pytest.fixture(autouse=True)
def no_site_settings(monkeypatch):
    """Settings are what the test says: no row is looked for. `site_store` of a test undoes this."""
    monkeypatch.setattr("agents.site_settings.store", Store(version=0, checked_at=float("inf")))


def make_user(username: str, **fields: object) -> User:
    return User.objects.create_user(username, f"{username}@example.org", "correct horse", **fields)


@pytest.fixture
def alice(db):
    """Owns the agents of the tests."""
    return make_user("alice")


@pytest.fixture
def bob(db):
    return make_user("bob")


@pytest.fixture
def charlie(db):
    """A stranger: sees nothing of alice's."""
    return make_user("charlie")


@pytest.fixture
def staff(db):
    return make_user("staff", is_staff=True)
