"""A user's own key: for the gateway's policy file, and for nobody's eyes."""

import json
import logging
import stat

import pytest

from agents.errors import InvalidRequest
from agents.models import OwnKey
from agents.policies import keep_policies, policy_path, remove_policy, write_policy
from agents.services.own_keys import remove_own_key, reveal, set_own_key
from agents.site_settings import Store, change
from metrics_app.gateway.policy import parse_policy
from tests.agents.factories import make_agent

KEY = "sk-ant-api03-" + "Ab_-" * 10


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.CAM_POLICY_DIR = tmp_path / "policy"
    settings.CAM_ENCRYPTION_KEYS = ["one-" * 10]


def policy_of(agent):
    return json.loads(policy_path(agent.pk).read_text())


def test_key_is_encrypted_and_shown_by_its_end(alice):
    set_own_key(alice, KEY)
    row = OwnKey.objects.get()
    assert KEY not in str(row.__dict__)
    assert (str(row), row.hint) == ("…b_-"[:1] + KEY[-4:], KEY[-4:])
    assert reveal(row) == KEY


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "sk-ant-",
        "sk-ant-short",
        "sk-other-" + "A" * 40,
        KEY + " ",
        KEY + "\n",
        "sk-ant-ü" + "A" * 40,
        "sk-ant-" + "A" * 201,
    ],
)
def test_what_is_no_key_is_refused_and_not_quoted(alice, bad):
    with pytest.raises(InvalidRequest) as caught:
        set_own_key(alice, bad)
    assert "AAA" not in str(caught.value)
    assert not OwnKey.objects.exists()


def test_policy_has_the_owners_key_and_no_other(alice, bob, agent):
    set_own_key(bob, KEY)
    write_policy(agent)
    assert policy_of(agent)["credential"] == "site"
    theirs = make_agent(bob)
    write_policy(theirs)
    policy = parse_policy(policy_path(theirs.pk).read_bytes(), str(theirs.pk))
    assert (policy.credential, policy.own_key) == ("own", KEY)


def test_policy_file_is_for_its_owner_only(alice, agent):
    set_own_key(alice, KEY)
    for _ in range(2):
        write_policy(agent)
        assert stat.S_IMODE(policy_path(agent.pk).stat().st_mode) == 0o600


def test_changed_and_removed_keys_reach_agents_that_run(alice, agent):
    write_policy(agent)
    set_own_key(alice, KEY)
    keep_policies()
    assert policy_of(agent)["api_key"] == KEY
    set_own_key(alice, KEY + "2")
    keep_policies()
    assert policy_of(agent)["api_key"] == KEY + "2"
    remove_own_key(alice)
    keep_policies()
    assert policy_of(agent) | {"credential": "site"} == policy_of(agent)
    assert KEY not in policy_path(agent.pk).read_text()


def test_changed_hosts_reach_agents_that_run(agent, staff, monkeypatch):
    write_policy(agent)
    monkeypatch.setattr("agents.site_settings.store", Store())
    change("CAM_EGRESS_HOSTS", "mirror.example.org", user=staff)
    keep_policies()
    assert policy_of(agent)["allowed_hosts"] == ["mirror.example.org"]


def test_policy_that_is_as_it_should_be_is_not_written_again(alice, agent):
    set_own_key(alice, KEY)
    write_policy(agent)
    before = policy_path(agent.pk).stat().st_ino
    keep_policies()
    assert policy_path(agent.pk).stat().st_ino == before


def test_policy_that_is_gone_stays_gone(agent):
    write_policy(agent)
    remove_policy(agent.pk)
    keep_policies()
    assert not policy_path(agent.pk).exists()


def test_key_that_nobody_can_read_blocks_instead_of_charging_the_site(alice, agent, settings):
    set_own_key(alice, KEY)
    settings.CAM_ENCRYPTION_KEYS = ["two-" * 10]
    write_policy(agent)
    assert "Config page" in policy_of(agent)["blocked"]
    assert "api_key" not in policy_of(agent)


def test_looking_after_many_agents_takes_as_many_queries_as_after_one(
    alice, bob, agent, django_assert_num_queries
):
    for user in (alice, bob):
        set_own_key(user, KEY)
    for one in (agent, make_agent(bob), make_agent(alice)):
        write_policy(one)
    with django_assert_num_queries(1):
        keep_policies()


def test_key_is_in_no_log(alice, agent, caplog):
    caplog.set_level(logging.DEBUG)
    set_own_key(alice, KEY)
    write_policy(agent)
    keep_policies()
    assert KEY not in caplog.text
