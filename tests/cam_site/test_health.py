import pytest
from django.db import OperationalError, connection

from cam_site import health


@pytest.fixture(autouse=True)
def _strict_hosts(settings):
    """Who watches does not come by the site's name, nor by https."""
    settings.ALLOWED_HOSTS = ["cam.example.org"]
    settings.SECURE_SSL_REDIRECT = True


def test_process_that_answers_lives_whatever_else_is_away(client, monkeypatch):
    monkeypatch.setattr(health, "has_database", lambda: False)
    response = client.get("/healthz", headers={"host": "10.0.0.7:8420"})
    assert (response.status_code, response.content) == (200, b"ok\n")


def test_portal_is_ready_with_database_and_broker(client, db, monkeypatch):
    monkeypatch.setattr(health, "has_broker", lambda: True)
    response = client.get("/readyz", headers={"host": "10.0.0.7:8420"})
    assert (response.status_code, response.json()) == (200, {"database": "ok", "broker": "ok"})


def test_portal_without_broker_is_not_ready_and_tells_no_secret(client, db, settings):
    settings.CAM_REDIS_URL = "redis://:secret@127.0.0.1:1/0"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"database": "ok", "broker": "does not answer"}


def test_portal_without_database_is_not_ready(client, db, monkeypatch):
    def fail():
        raise OperationalError("no answer from 10.0.0.5")

    monkeypatch.setattr(health, "has_broker", lambda: True)
    with monkeypatch.context() as patched:
        patched.setattr(connection, "cursor", fail)
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"database": "does not answer", "broker": "ok"}
