import re

import pytest

from agents.models import ApiToken
from agents.tokens import user_of_authorization


def make_token(user, name="laptop"):
    token = ApiToken(user=user, name=name)
    token.set_secret()
    token.save()
    return token


def test_a_new_token_is_shown_once_and_works(as_alice, alice):
    content = as_alice.post("/account/tokens/", {"name": "ci"}).content.decode()
    (secret,) = set(re.findall(r"cam_[\w-]{30,}", content))
    assert user_of_authorization(f"Bearer {secret}") == alice
    assert secret not in as_alice.get("/account/").content.decode()


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_bad_names_are_refused(as_alice, name):
    assert as_alice.post("/account/tokens/", {"name": name}).status_code == 422
    assert not ApiToken.objects.exists()


def test_revoked_token_is_gone_and_twice_is_404(as_alice, alice):
    token = make_token(alice)
    assert as_alice.post(f"/account/tokens/{token.pk}/revoke/").status_code == 302
    assert not ApiToken.objects.exists()
    assert as_alice.post(f"/account/tokens/{token.pk}/revoke/").status_code == 404


def test_tokens_of_others_are_neither_shown_nor_revoked(as_alice, bob):
    token = make_token(bob, name="of bob")
    assert "of bob" not in as_alice.get("/account/").content.decode()
    assert as_alice.post(f"/account/tokens/{token.pk}/revoke/").status_code == 404
    assert ApiToken.objects.exists()


@pytest.mark.parametrize("path", ["/account/tokens/", "/account/tokens/1/revoke/"])
def test_changes_reject_get(as_alice, path):
    assert as_alice.get(path).status_code == 405


def test_names_are_escaped(as_alice, alice):
    make_token(alice, name="<script>x</script>")
    assert "<script>x" not in as_alice.get("/account/").content.decode()
