from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import ApiToken
from agents.models.token import hash_token

AGENTS = "/api/agents"


def make_token(user):
    token = ApiToken(user=user, name="laptop")
    raw = token.set_secret()
    token.save()
    return token, raw


def bearer(raw):
    return {"HTTP_AUTHORIZATION": f"Bearer {raw}"}


def test_secret_is_long_random_and_not_kept(alice):
    token, raw = make_token(alice)
    _, other = make_token(alice)
    assert raw.startswith("cam_")
    assert len(raw) >= 40
    assert raw != other
    assert raw not in str(vars(token))


def test_only_the_hash_finds_the_token(alice):
    token, raw = make_token(alice)
    assert ApiToken.objects.get(digest=hash_token(raw)) == token
    assert raw.startswith(token.hint)
    assert len(token.hint) <= 8


def test_token_opens_the_api_in_its_users_name(client, alice, agent, charlie):
    for user, names in ((alice, [agent.name]), (charlie, [])):
        _, raw = make_token(user)
        response = client.get(AGENTS, **bearer(raw))
        assert response.status_code == 200
        assert [found["name"] for found in response.json()["agents"]] == names


def test_token_needs_no_csrf_token(alice, agent):
    _, raw = make_token(alice)
    client = Client(enforce_csrf_checks=True)
    response = client.post(f"{AGENTS}/{agent.pk}/stop", **bearer(raw))
    assert response.status_code == 202


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer cam_",
        "Bearer cam_" + "x" * 43,
        "Bearer " + "x" * 5000,
        "Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==",
        "Bearer \xff\x00",
        "cam_",
    ],
)
def test_header_without_a_good_token_is_refused(client, alice, header):
    response = client.get(AGENTS, HTTP_AUTHORIZATION=header)
    assert response.status_code == 401
    assert response.json() == {"reason": "The token is not valid."}
    assert response["WWW-Authenticate"] == "Bearer"


def test_the_stored_hash_is_no_token(client, alice):
    token, _ = make_token(alice)
    assert client.get(AGENTS, **bearer(token.digest)).status_code == 401


def test_bad_token_is_refused_though_a_session_is_there(client, alice):
    client.force_login(alice)
    assert client.get(AGENTS, **bearer("cam_wrong")).status_code == 401


def test_scheme_is_case_insensitive(client, alice):
    _, raw = make_token(alice)
    assert client.get(AGENTS, HTTP_AUTHORIZATION=f"bearer {raw}").status_code == 200


def test_token_of_a_disabled_user_is_refused(client, alice):
    _, raw = make_token(alice)
    alice.is_active = False
    alice.save()
    assert client.get(AGENTS, **bearer(raw)).status_code == 401


def test_deleted_token_is_refused(client, alice):
    token, raw = make_token(alice)
    token.delete()
    assert client.get(AGENTS, **bearer(raw)).status_code == 401


def test_good_and_bad_tokens_cost_the_same_one_query(client, alice, django_assert_num_queries):
    _, raw = make_token(alice)
    client.get(AGENTS, **bearer(raw))
    with django_assert_num_queries(2):  # the token, then the agents
        client.get(AGENTS, **bearer(raw))
    for wrong in ("cam_wrong", "", "x" * 5000):
        with django_assert_num_queries(1):
            client.get(AGENTS, **bearer(wrong))


def test_first_use_is_recorded(client, alice):
    token, raw = make_token(alice)
    client.get(AGENTS, **bearer(raw))
    token.refresh_from_db()
    assert timezone.now() - token.last_used_at < timedelta(minutes=1)


@pytest.mark.parametrize(("age_seconds", "is_written"), [(50, False), (70, True)])
def test_use_is_recorded_once_a_minute(client, alice, age_seconds, is_written):
    token, raw = make_token(alice)
    before = timezone.now() - timedelta(seconds=age_seconds)
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=before)
    client.get(AGENTS, **bearer(raw))
    token.refresh_from_db()
    assert (token.last_used_at != before) == is_written
