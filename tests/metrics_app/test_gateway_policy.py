import json

import pytest

from metrics_app.gateway.policy import (
    MAX_POLICY_BYTES,
    PolicyError,
    PolicyStore,
    is_agent_id,
    parse_policy,
)

AGENT = "5a3f7f0e-7a52-4d6c-9a53-3a2f6f0b3c11"


def make_policy(**changes):
    policy = {
        "version": 1,
        "agent_id": AGENT,
        "allowed_hosts": ["PyPI.org.", "*.pythonhosted.org"],
        "credential": "site",
        "blocked": None,
    }
    return json.dumps(policy | changes).encode()


def test_a_policy_is_read_in_normal_form():
    policy = parse_policy(make_policy(), AGENT)
    assert policy.allowed_hosts == ("pypi.org", "*.pythonhosted.org")
    assert policy.allows_host("pypi.org")
    assert not policy.allows_host("evil.test")


def test_a_policy_may_say_whose_agent_it_is_and_where_it_works():
    policy = parse_policy(make_policy(user_id=3, workspace="/srv/code"), AGENT)
    assert (policy.user_id, policy.workspace) == (3, "/srv/code")
    assert parse_policy(make_policy(), AGENT).user_id is None


def test_a_policy_may_hold_its_users_own_key_and_does_not_show_it():
    policy = parse_policy(make_policy(credential="own", api_key="sk-ant-secret"), AGENT)
    assert policy.own_key == "sk-ant-secret"
    assert "secret" not in repr(policy)


def test_a_key_counts_only_where_the_policy_says_so():
    assert parse_policy(make_policy(api_key="sk-ant-secret"), AGENT).own_key == ""


def test_a_refused_key_is_in_no_message():
    with pytest.raises(PolicyError) as caught:
        parse_policy(make_policy(credential="own", api_key="sk-ant-secret two"), AGENT)
    assert "secret" not in str(caught.value)


def test_unknown_fields_pass():
    assert parse_policy(make_policy(later="more"), AGENT).blocked is None


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"version": None},
        {"agent_id": "5a3f7f0e-7a52-4d6c-9a53-000000000000"},
        {"credential": "other"},
        {"credential": "own"},
        {"credential": "own", "api_key": ""},
        {"credential": "own", "api_key": 5},
        {"credential": "own", "api_key": "two words"},
        {"credential": "own", "api_key": "naïve"},
        {"credential": "own", "api_key": "k" * 301},
        {"credential": ["site"]},
        {"blocked": True},
        {"allowed_hosts": None},
        {"allowed_hosts": "pypi.org"},
        {"allowed_hosts": [5]},
        {"allowed_hosts": ["*"]},
        {"allowed_hosts": ["https://pypi.org"]},
        {"allowed_hosts": ["10.0.0.1"]},
        {"allowed_hosts": ["a.*.org"]},
        {"user_id": "3"},
        {"user_id": True},
        {"workspace": 5},
    ],
)
def test_a_policy_that_is_not_understood_grants_nothing(changes):
    with pytest.raises(PolicyError):
        parse_policy(make_policy(**changes), AGENT)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused(raw):
    with pytest.raises(PolicyError):
        parse_policy(raw, AGENT)


@pytest.mark.parametrize("name", ["", "..", AGENT.upper(), AGENT.replace("-", ""), f"{{{AGENT}}}"])
def test_only_the_canonical_form_is_an_agent_id(name):
    assert is_agent_id(AGENT)
    assert not is_agent_id(name)


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def store(tmp_path, warnings):
    return PolicyStore(tmp_path, warn=warnings.append)


def write(folder, raw):
    (folder / "draft").write_bytes(raw)
    (folder / "draft").replace(folder / f"{AGENT}.json")


def test_a_change_counts_from_the_next_look(tmp_path, store):
    write(tmp_path, make_policy())
    assert store.get(AGENT).blocked is None
    write(tmp_path, make_policy(blocked="no"))
    assert store.get(AGENT).blocked == "no"


def test_a_removed_file_grants_nothing(tmp_path, store):
    write(tmp_path, make_policy())
    assert store.get(AGENT)
    (tmp_path / f"{AGENT}.json").unlink()
    assert store.get(AGENT) is None


def test_a_bad_file_is_told_once_and_its_agent_keeps_its_socket(tmp_path, store, warnings):
    write(tmp_path, make_policy())
    assert store.get(AGENT)
    write(tmp_path, b"{")
    assert [store.get(AGENT), store.get(AGENT)] == [None, None]
    assert store.list_agents() == {AGENT}
    assert len(warnings) == 1
    assert f"{AGENT}.json" in warnings[0]


def test_a_huge_file_is_not_read(tmp_path, store, warnings):
    write(tmp_path, b" " * (MAX_POLICY_BYTES + 1))
    assert store.get(AGENT) is None
    assert "larger" in warnings[0]


def test_a_file_that_cannot_be_read_grants_nothing(tmp_path, store, warnings):
    (tmp_path / f"{AGENT}.json").mkdir()
    assert store.get(AGENT) is None
    assert "ignored" in warnings[0]


def test_other_files_are_no_agents(tmp_path, store):
    for name in ("readme.json", f"{AGENT}.1234.draft", f"{AGENT.upper()}.json"):
        (tmp_path / name).write_text("{}")
    assert store.list_agents() == set()


def test_a_folder_that_cannot_be_listed_closes_no_socket(tmp_path, store, warnings):
    write(tmp_path, make_policy())
    store.get(AGENT)
    tmp_path.rename(tmp_path.with_name("away"))
    assert store.list_agents() == {AGENT}
    assert "cannot list" in warnings[0]
