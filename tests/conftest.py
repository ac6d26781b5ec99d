"""Settings for tests come from the environment, as a site's do, before Django loads."""

import os
import tempfile
from pathlib import Path

DATA_DIR = Path(tempfile.mkdtemp(prefix="cam-tests-"))
os.environ.update(
    {
        "CAM_DATA_DIR": str(DATA_DIR),
        "CAM_SECRET_KEY": "only-for-tests-" + "0" * 32,
        "CAM_METRICS_DIR": "",
        "CAM_REDIS_URL": "",
        "CAM_DEBUG": "false",
        "CAM_HTTPS": "false",
        "CAM_SIGNUP_OPEN": "false",
        "CAM_UPSTREAM_URL": "",
        "CAM_BROWSE_ROOTS": "",
        "ANTHROPIC_API_KEY": "",
        "CLAUDE_CODE_OAUTH_TOKEN": "",
    }
)

import pytest  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402

E2E_FOLDERS = {"e2e", "browser", "faults"}


def pytest_collection_modifyitems(items):
    for item in items:
        if E2E_FOLDERS & set(item.path.relative_to(Path(__file__).parent).parts):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(autouse=True)
def _fast_site(settings):
    """No broker, hashed static files or slow password hashes in unit tests."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CELERY_BROKER_URL = "memory://"


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
