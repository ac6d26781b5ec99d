"""What agents reach, from the real gateway's files and from a whole portal."""

import json

import pytest

from tests.e2e.gateway_process import (
    API_HOST,
    AgentClient,
    GatewayProcess,
    TunnelRefusedError,
    Upstream,
    wait_until,
)
from tests.e2e.stack import wait_for


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def agent(tmp_path, upstream):
    process = GatewayProcess(tmp_path, CAM_UPSTREAM_URL=upstream.url, ANTHROPIC_API_KEY="k").start()
    yield process.add_agent(allowed_hosts=["nowhere.invalid"])
    process.stop()


def egress_of(agent):
    """The sums of all files by host and verdict; nobody else reads them here."""
    sums = {}
    for path in sorted((agent.gateway.data / "gateway/egress").glob("egress-*.jsonl")):
        for line in map(json.loads, path.read_text().splitlines()):
            assert line["agent_id"] == agent.agent_id
            known = sums.setdefault((line["host"], line["verdict"]), line | {"attempts": 0})
            known["attempts"] += line["attempts"]
            known["failures"] = max(known["failures"], line["failures"])
            known["bytes_received"] = max(known["bytes_received"], line["bytes_received"])
    return sums


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_of_the_model_api_is_allowed_with_its_bytes(agent, stream):
    _, _, body = agent.say("hello", stream=stream)
    key = (API_HOST, "allowed")
    wait_until(lambda: key in egress_of(agent), "the egress log")
    found = egress_of(agent)[key]
    assert (found["attempts"], found["methods"]) == (1, ["POST"])
    assert found["bytes_received"] == len(body)
    assert found["bytes_sent"] > 50


def test_a_refused_tunnel_has_its_reason_and_each_attempt_counts(agent):
    for _ in range(3):
        with pytest.raises(TunnelRefusedError):
            agent.open_tunnel("evil.example")
    key = ("evil.example", "refused")
    wait_until(lambda: egress_of(agent).get(key, {}).get("attempts") == 3, "three attempts")
    found = egress_of(agent)[key]
    assert found["methods"] == ["CONNECT"]
    assert "not on this agent's list" in found["reason"]


def test_an_allowed_host_that_cannot_be_reached_says_why(agent):
    status, _, _ = agent.request("GET", "/", host="nowhere.invalid")
    assert status == 502
    key = ("nowhere.invalid", "allowed")
    wait_until(lambda: egress_of(agent).get(key, {}).get("failures"), "the failure")
    assert egress_of(agent)[key]["reason"]


def test_the_last_second_is_written_when_the_gateway_stops(agent):
    with pytest.raises(TunnelRefusedError):
        agent.open_tunnel("last.example")
    agent.gateway.stop()
    assert ("last.example", "refused") in egress_of(agent)


def test_portal_shows_what_was_allowed_and_what_was_refused(stack, alice_client):
    agent_id = alice_client.launch(stack.workspace("egress"), "read hello.txt")
    alice_client.wait_for_status(agent_id, "idle")
    gateway = GatewayProcess(stack.data)
    with pytest.raises(TunnelRefusedError):
        AgentClient(gateway, agent_id).open_tunnel("evil.example")
    rows = wait_for(
        lambda: len(found := read_rows(stack, agent_id)) == 2 and found,
        message=lambda: f"{read_rows(stack, agent_id)}\n{stack.logs()}",
    )
    assert rows[0][:2] == (API_HOST, "allowed")
    assert rows[0][3] > 0
    assert rows[1][:3] == ("evil.example", "refused", 1)
    assert not list((stack.data / "gateway/egress").glob("*.jsonl"))


def read_rows(stack, agent_id):
    return stack.query(
        "select host, verdict, attempts, bytes_received from metrics_app_egresshost"
        " where agent_id = ? order by host",
        agent_id.replace("-", "") if not stack.database_url else agent_id,
    )
