import json

from agents.policies import policy_path, remove_policy, write_policy


def test_policy_tells_the_gateway_what_the_agent_may_reach(agent, settings):
    settings.CAM_EGRESS_HOSTS = ["pypi.org"]
    write_policy(agent)
    assert json.loads(policy_path(agent.pk).read_text()) == {
        "version": 1,
        "agent_id": str(agent.pk),
        "user_id": agent.owner_id,
        "workspace": agent.workspace,
        "allowed_hosts": ["pypi.org"],
        "credential": "site",
        "blocked": None,
    }
    assert [path.name for path in policy_path(agent.pk).parent.glob("*.draft")] == []


def test_policy_is_understood_by_the_gateway(agent):
    from metrics_app.gateway.policy import parse_policy

    write_policy(agent)
    policy = parse_policy(policy_path(agent.pk).read_bytes(), str(agent.pk))
    assert policy.allows_host("pypi.org")


def test_removing_twice_is_quiet(agent):
    write_policy(agent)
    remove_policy(agent.pk)
    remove_policy(agent.pk)
    assert not policy_path(agent.pk).exists()
