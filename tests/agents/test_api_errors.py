"""Whatever goes wrong, the API answers `{"reason": "..."}` with the status that fits."""

import logging

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client

AGENTS = "/api/agents"


@pytest.fixture
def api(client, alice):
    """Alice's browser."""
    client.force_login(alice)
    return client


def reason_of(response):
    assert response["Content-Type"].startswith("application/json")
    (only,) = response.json().items()
    assert only[0] == "reason"
    return only[1]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_database_that_is_away_is_a_503_to_be_tried_again(api, agent, monkeypatch, caplog, error):
    def stop_agent(agent, *, by):
        raise error("connection refused")

    monkeypatch.setattr("agents.services.stop_agent", stop_agent)
    response = api.post(f"{AGENTS}/{agent.pk}/stop")
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert "database is away" in reason_of(response)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b'{"text": "a", }',
        b"text=Hello",
        pytest.param(b"[" * 100_000, id="deep nesting"),
    ],
)
def test_malformed_json(api, agent, body):
    response = api.post(f"{AGENTS}/{agent.pk}/send", body, content_type="application/json")
    assert response.status_code == 400
    assert reason_of(response) == "Cannot parse request body"


def test_too_large_body(api, agent, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    body = {"text": "x" * 1001}
    response = api.post(f"{AGENTS}/{agent.pk}/send", body, content_type="application/json")
    assert response.status_code == 413
    assert reason_of(response) == "The request is too large."


def test_validation_says_where_and_why(api, agent):
    response = api.post(f"{AGENTS}/{agent.pk}/send", {}, content_type="application/json")
    assert reason_of(response) == "body.text: Field required"


def test_values_in_validation_errors_are_cut(api, agent):
    body = {"x" * 5000: 1, "text": "Hello"}
    response = api.post(f"{AGENTS}/{agent.pk}/send", body, content_type="application/json")
    assert reason_of(response) == f"body.{'x' * 100}: Extra inputs are not permitted"


def test_many_problems_are_counted_not_listed(api, agent):
    body = {f"x{n}": 1 for n in range(1000)} | {"text": "Hello"}
    response = api.post(f"{AGENTS}/{agent.pk}/send", body, content_type="application/json")
    assert reason_of(response).endswith("; and 995 more")


@pytest.mark.parametrize(
    "path",
    [
        "/api/",
        "/api/nothing",
        f"{AGENTS}/",
        f"{AGENTS}/not-a-uuid",
        f"{AGENTS}/%00",
        f"{AGENTS}/00000000-0000-0000-0000-000000000000/nothing",
    ],
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_unknown_path(api, path, method):
    response = getattr(api, method)(path)
    assert response.status_code == 404
    assert reason_of(response) == "There is no such thing, or it is not yours."


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_wrong_method(api, method):
    response = getattr(api, method)(AGENTS)
    assert response.status_code == 405
    assert reason_of(response) == f"{method.upper()} is not possible here."
    assert set(response["Allow"].split(", ")) == {"GET", "POST"}


def test_session_without_csrf_token_changes_nothing(alice, agent):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    response = browser.post(f"{AGENTS}/{agent.pk}/stop")
    assert response.status_code == 403
    assert "CSRF" in reason_of(response)
    agent.refresh_from_db()
    assert agent.status == "idle"
    assert browser.get(AGENTS).status_code == 200


def test_session_with_csrf_token_is_good(alice, agent):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    browser.cookies["csrftoken"] = secret = "a" * 32
    response = browser.post(f"{AGENTS}/{agent.pk}/stop", headers={"X-CSRFToken": secret})
    assert response.status_code == 202


def test_who_is_not_signed_in_hears_of_no_csrf_token(agent):
    response = Client(enforce_csrf_checks=True).post(f"{AGENTS}/{agent.pk}/stop")
    assert response.status_code == 401
    assert reason_of(response) == "Sign in or send a token."


def test_session_of_a_disabled_user_is_refused(api, alice):
    alice.is_active = False
    alice.save()
    assert api.get(AGENTS).status_code == 401


def test_bug_is_logged_and_tells_nothing(api, agent, monkeypatch, caplog):
    def stop_agent(agent, *, by):
        raise RuntimeError("secret path /srv")

    monkeypatch.setattr("agents.services.stop_agent", stop_agent)
    with caplog.at_level(logging.ERROR):
        response = api.post(f"{AGENTS}/{agent.pk}/stop")
    assert response.status_code == 500
    assert reason_of(response) == "The portal failed; its log says why."
    assert "secret path" in caplog.text
