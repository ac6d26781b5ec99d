"""Kill -9 in the middle of a turn: nothing is lost, nothing is doubled, the agent goes on."""

import json

import pytest

from tests.e2e.stack import Client, docker, wait_for
from tests.e2e.test_main_job import blocks, finish_turn, results

WORDS = 1200


@pytest.fixture(scope="module")
def fragile(tmp_path_factory, make_stack):
    """A portal to be broken; its model writes about ten seconds at an answer of WORDS words."""
    with make_stack(tmp_path_factory.mktemp("fragile"), CAM_DEMO_API_PACE="150") as portal:
        portal.up()
        yield portal


@pytest.fixture(scope="module")
def client(fragile):
    return Client(fragile)


def live_text(portal, agent_id):
    rows = portal.query(
        "select text from agents_livetext where agent_id = ?", agent_id.replace("-", "")
    )
    return rows[0][0] if rows else ""


def assert_each_line_once(events):
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    uuids = [uuid for event in events if (uuid := event["payload"].get("uuid"))]
    assert len(uuids) == len(set(uuids))


@pytest.mark.parametrize(
    "victims", [["bridge"], ["worker"], ["web"], ["broker"], ["bridge", "web", "worker"]]
)
def test_kill_during_a_turn_loses_and_doubles_nothing(fragile, client, victims):
    agent_id = client.launch(fragile.workspace("-".join(victims)), f"long {WORDS}")
    wait_for(lambda: live_text(fragile, agent_id), message=fragile.logs)
    for name in victims:
        fragile.kill(name)
    for name in victims:
        fragile.start(name)
    wait_for(fragile.answers, seconds=30)
    events = finish_turn(client, agent_id)
    assert_each_line_once(events)
    assert len(blocks(events)[0]["text"].split()) >= WORDS
    assert len(results(events)) == 1
    client.post(f"/{agent_id}/send", text="hello")
    assert_each_line_once(finish_turn(client, agent_id, turns=2))


def test_approval_outlives_the_bridge_and_the_web(fragile, client):
    folder = fragile.workspace("approval")
    agent_id = client.launch(folder, "write notes.md")
    approval = client.approval(agent_id)
    for name in ("bridge", "web"):
        fragile.restart(name)
    wait_for(fragile.answers)
    assert client.approval(agent_id)["id"] == approval["id"]
    client.post(f"/{agent_id}/approvals/{approval['id']}", decision="allow")
    assert_each_line_once(finish_turn(client, agent_id))
    assert (folder / "notes.md").exists()


def test_decision_taken_while_the_bridge_is_away_is_delivered(fragile, client):
    folder = fragile.workspace("away")
    agent_id = client.launch(folder, "write notes.md")
    approval = client.approval(agent_id)
    fragile.kill("bridge")
    client.post(f"/{agent_id}/approvals/{approval['id']}", decision="allow")
    client.post(f"/{agent_id}/send", text="hello")
    fragile.start("bridge")
    wait_for(lambda: prompts(fragile, agent_id) == {"done"}, message=fragile.logs)
    client.wait_for_status(agent_id, "idle")
    assert_each_line_once(client.history(agent_id))
    assert (folder / "notes.md").exists()


def prompts(portal, agent_id):
    rows = portal.query(
        "select delivery from agents_prompt where agent_id = ?", agent_id.replace("-", "")
    )
    return {delivery for (delivery,) in rows}


def test_prompt_that_may_have_been_written_is_not_said_twice(fragile, client):
    """As if the bridge died between the writing and the receipt."""
    agent_id = client.launch(fragile.workspace("twice"), "hello")
    finish_turn(client, agent_id)
    fragile.kill("bridge")
    fragile.manage(
        "shell",
        "-c",
        "from agents.models import Prompt, AgentSession;"
        f"Prompt.objects.filter(agent='{agent_id}').update(delivery='sent')",
    )
    fragile.start("bridge")
    client.post(f"/{agent_id}/send", text="markdown")
    events = finish_turn(client, agent_id, turns=2)
    said = [event for event in events if event["payload"].get("isReplay")]
    assert len(said) == 2
    assert len(results(events)) == 2


def test_ledger_is_complete_after_the_gateway_was_killed(fragile, client):
    agent_id = client.launch(fragile.workspace("gateway"), "hello")
    finish_turn(client, agent_id)
    fragile.restart("gateway")
    client.post(f"/{agent_id}/send", text="hello")
    events = finish_turn(client, agent_id, turns=2)
    calls = "select count(*), count(distinct attempt_id) from metrics_app_usagerecord where agent_id = ? and complete"
    answers = {block_id(event) for event in events if event["kind"] == "assistant"}
    wait_for(
        lambda: fragile.query(calls, agent_id.replace("-", ""))[0] == (len(answers), len(answers)),
        message=fragile.logs,
    )


def block_id(event):
    return event["payload"]["message"]["id"]


def test_launch_waits_for_the_broker(fragile, client):
    fragile.kill("broker")
    agent_id = client.launch(fragile.workspace("no-broker"), "hello")
    assert client.status(agent_id) == "starting"
    fragile.start("broker")
    finish_turn_slowly(client, agent_id)


def finish_turn_slowly(client, agent_id):
    """What the broker lost is found in the rows within a minute and a half."""
    wait_for(lambda: results(client.history(agent_id)), seconds=100, message=client.stack.logs)


def test_killed_container_is_shown_with_the_reason_and_resumes(fragile, client):
    agent_id = client.launch(fragile.workspace("killed"), "hello")
    finish_turn(client, agent_id)
    container = docker("ps", "-q", "--filter", f"label=cam.agent={agent_id}").strip()
    docker("kill", container)
    client.wait_for_status(agent_id, "failed")
    assert "killed from outside" in client.get(f"/{agent_id}")["status_reason"]
    client.post(f"/{agent_id}/resume")
    client.wait_for_status(agent_id, "idle")
    client.post(f"/{agent_id}/send", text="hello")
    assert_each_line_once(finish_turn(client, agent_id, turns=2))


def test_orphaned_container_is_removed_at_the_start_of_the_bridge(fragile, client):
    image = docker("image", "inspect", "-f", "{{.Id}}", "cam-agent:latest").strip()
    labels = ("--label", f"cam.node={fragile.node}", "--label", "cam.agent=nobody")
    orphan = docker(
        "run", "-d", *labels, "--label", "cam.session=1", "--entrypoint", "sleep", image, "600"
    ).strip()
    stranger = docker("run", "-d", "--rm", "--entrypoint", "sleep", image, "60").strip()
    fragile.restart("bridge")
    wait_for(lambda: orphan not in docker("ps", "-aq", "--no-trunc"), message=fragile.logs)
    assert stranger in docker("ps", "-q", "--no-trunc")
    docker("rm", "-f", stranger)


def test_hundred_megabytes_on_one_line_are_noted_and_harm_nothing(fragile, client):
    agent_id = client.launch(fragile.workspace("flood"), "hello")
    finish_turn(client, agent_id)
    container = docker("ps", "-q", "--filter", f"label=cam.agent={agent_id}").strip()
    writer = "import sys; f = open('/proc/1/fd/1', 'wb'); [f.write(b'x' * 2**20) for _ in range(100)]; f.write(b'\\n')"
    docker("exec", container, "python3", "-c", writer)
    events = wait_for(
        lambda: [e for e in client.history(agent_id) if e["kind"] == "oversized"],
        seconds=90,
        message=fragile.logs,
    )
    # Engines before version 23 repeat some pieces when the log rotates in the middle of a line.
    assert 100 <= events[0]["payload"]["bytes"] / 2**20 < 110
    assert len(json.dumps(events[0])) < 10_000
    client.post(f"/{agent_id}/send", text="hello")
    finish_turn(client, agent_id, turns=2)
