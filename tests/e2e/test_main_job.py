"""The main job through the API, every part real: launch, answer, approve, cost, stop, resume, delete."""

import json
from decimal import Decimal

import httpx
import pytest
from websockets.sync.client import connect

from tests.e2e.stack import Client, docker, wait_for


def blocks(events, kind="text"):
    """The content blocks of that type in the agent's messages."""
    return [
        block
        for event in events
        if event["kind"] == "assistant"
        for block in event["payload"]["message"]["content"]
        if block["type"] == kind
    ]


def results(events):
    return [event["payload"] for event in events if event["kind"] == "result"]


def tool_results(events):
    return [
        block
        for event in events
        if event["kind"] == "user" and isinstance(event["payload"]["message"]["content"], list)
        for block in event["payload"]["message"]["content"]
        if block["type"] == "tool_result"
    ]


def finish_turn(client, agent_id, turns=1):
    wait_for(
        lambda: len(results(client.history(agent_id))) >= turns,
        message=lambda: f"turn {turns} did not end\n{client.stack.logs()}",
    )
    client.wait_for_status(agent_id, "idle")
    return client.history(agent_id)


def test_answer_is_recorded_line_by_line(stack, alice_client):
    agent_id = alice_client.launch(stack.workspace("answers"), "hello")
    events = finish_turn(alice_client, agent_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert "demo" in blocks(events)[0]["text"].lower()


def test_allowed_edit_changes_the_file(stack, alice_client):
    folder = stack.workspace("allowed")
    agent_id = alice_client.launch(folder, "edit hello.txt")
    approval = alice_client.approval(agent_id)
    assert approval["tool_name"] == "Edit"
    assert (folder / "hello.txt").read_text() == "hello world\n"
    assert alice_client.status(agent_id) == "needs_you"
    alice_client.post(f"/{agent_id}/approvals/{approval['id']}", decision="allow")
    finish_turn(alice_client, agent_id)
    assert (folder / "hello.txt").read_text() != "hello world\n"


def test_denied_edit_changes_nothing_and_the_model_is_told_why(stack, alice_client):
    folder = stack.workspace("denied")
    agent_id = alice_client.launch(folder, "edit hello.txt")
    approval = alice_client.approval(agent_id)
    path = f"/{agent_id}/approvals/{approval['id']}"
    alice_client.post(path, decision="deny", message="Not this file, please.")
    events = finish_turn(alice_client, agent_id)
    assert (folder / "hello.txt").read_text() == "hello world\n"
    assert "Not this file, please." in json.dumps(tool_results(events))
    answer = alice_client.http.post(f"/api/agents{path}", json={"decision": "allow"})
    assert answer.status_code == 409
    assert "alice" in answer.json()["reason"]


def test_edit_mode_off_refuses_without_asking(stack, alice_client):
    folder = stack.workspace("mode-off")
    agent_id = alice_client.launch(folder, "write notes.md", edit_mode="off")
    events = finish_turn(alice_client, agent_id)
    assert not (folder / "notes.md").exists()
    assert "switched off" in json.dumps(tool_results(events))


def test_allow_this_turn_ends_with_the_turn(stack, alice_client):
    folder = stack.workspace("mode-turn")
    agent_id = alice_client.launch(folder, "write one.md two.md")
    approval = alice_client.approval(agent_id)
    alice_client.post(f"/{agent_id}/approvals/{approval['id']}", decision="allow", scope="turn")
    finish_turn(alice_client, agent_id)
    assert (folder / "one.md").exists()
    assert (folder / "two.md").exists()
    assert alice_client.get(f"/{agent_id}")["edit_mode"] == "ask"
    alice_client.post(f"/{agent_id}/send", text="write three.md")
    assert alice_client.approval(agent_id)["tool_name"] == "Write"
    assert not (folder / "three.md").exists()


def test_allow_this_session_ends_with_the_session(stack, alice_client):
    folder = stack.workspace("mode-session")
    agent_id = alice_client.launch(folder, "write one.md")
    approval = alice_client.approval(agent_id)
    alice_client.post(f"/{agent_id}/approvals/{approval['id']}", decision="allow", scope="session")
    finish_turn(alice_client, agent_id)
    alice_client.post(f"/{agent_id}/send", text="write two.md")
    finish_turn(alice_client, agent_id, turns=2)
    assert (folder / "two.md").exists()
    alice_client.post(f"/{agent_id}/stop")
    alice_client.wait_for_status(agent_id, "stopped")
    assert alice_client.get(f"/{agent_id}")["edit_mode"] == "ask"


def test_safe_commands_run_and_others_ask(stack, alice_client):
    folder = stack.workspace("commands")
    agent_id = alice_client.launch(folder, "run bash cat hello.txt")
    events = finish_turn(alice_client, agent_id)
    assert "hello world" in json.dumps(tool_results(events))
    alice_client.post(f"/{agent_id}/send", text="run bash touch made.txt")
    approval = alice_client.approval(agent_id)
    assert approval["tool_name"] == "Bash"
    assert not (folder / "made.txt").exists()
    path = f"/api/agents/{agent_id}/approvals/{approval['id']}"
    answer = alice_client.http.post(path, json={"decision": "allow", "scope": "session"})
    assert answer.status_code == 400
    alice_client.post(f"/{agent_id}/approvals/{approval['id']}", decision="allow")
    finish_turn(alice_client, agent_id, turns=2)
    assert (folder / "made.txt").exists()


def test_question_gets_its_answer(stack, alice_client):
    agent_id = alice_client.launch(stack.workspace("question"), "question")
    approval = alice_client.approval(agent_id)
    assert approval["tool_name"] == "AskUserQuestion"
    question = approval["tool_input"]["questions"][0]["question"]
    alice_client.post(
        f"/{agent_id}/approvals/{approval['id']}", decision="allow", answers={question: "Blue"}
    )
    events = finish_turn(alice_client, agent_id)
    assert "Blue" in json.dumps(tool_results(events))


def test_interrupt_ends_the_turn_and_the_agent_goes_on(stack, alice_client):
    agent_id = alice_client.launch(stack.workspace("interrupt"), "long 20000")
    alice_client.wait_for_status(agent_id, "working")
    wait_for(
        lambda: stack.query(
            "select text from agents_livetext where agent_id = ? and text != ''",
            agent_id.replace("-", ""),
        ),
        message="no live text",
    )
    alice_client.post(f"/{agent_id}/interrupt")
    events = finish_turn(alice_client, agent_id)
    assert results(events)[0]["subtype"] == "error_during_execution"
    alice_client.post(f"/{agent_id}/send", text="hello")
    finish_turn(alice_client, agent_id, turns=2)


def test_resume_continues_the_same_conversation(stack, alice_client):
    folder = stack.workspace("resume")
    agent_id = alice_client.launch(folder, "hello")
    first = finish_turn(alice_client, agent_id)
    alice_client.post(f"/{agent_id}/stop")
    alice_client.wait_for_status(agent_id, "stopped")
    wait_for(lambda: not docker("ps", "-aq", "--filter", f"label=cam.agent={agent_id}"))
    alice_client.post(f"/{agent_id}/send", text="read hello.txt")
    events = finish_turn(alice_client, agent_id, turns=2)
    sessions = {event["payload"].get("session_id") for event in events} - {None}
    assert len(sessions) == 1
    assert results(events)[0] == results(first)[0]
    assert "hello world" in json.dumps(tool_results(events))


def test_cost_equals_what_the_cli_counts(stack, alice_client):
    usage = "usage in=1200 5m=200 1h=100 read=5000 out=77"
    agent_id = alice_client.launch(stack.workspace("cost"), f"hello {usage}")
    events = finish_turn(alice_client, agent_id)
    ours = lambda: stack.query(  # noqa: E731
        "select sum(cost_usd), count(*) from metrics_app_usagerecord"
        " where agent_id = ? and kind = 'messages'",
        agent_id.replace("-", ""),
    )[0]
    wait_for(lambda: ours()[1], message=stack.logs)
    cli = Decimal(str(results(events)[-1]["total_cost_usd"])).quantize(Decimal("0.000000001"))
    wait_for(
        lambda: Decimal(str(ours()[0])).quantize(Decimal("0.000000001")) == cli,
        message=lambda: f"the ledger has {ours()}, the CLI {cli}",
    )


def test_model_change_is_used_by_the_next_call(stack, alice_client):
    agent_id = alice_client.launch(stack.workspace("model"), "hello")
    finish_turn(alice_client, agent_id)
    script = (
        "from agents.models import Agent; from agents.services import set_model;"
        f"set_model(Agent.objects.get(pk='{agent_id}'), 'claude-haiku-4-5')"
    )
    stack.manage("shell", "-c", script)
    wait_for(
        lambda: stack.query("select 1 from agents_controlrequest where delivery = 'done'"),
        message=stack.logs,
    )
    alice_client.post(f"/{agent_id}/send", text="hello")
    events = finish_turn(alice_client, agent_id, turns=2)
    assert events[-2]["payload"]["message"]["model"] == "claude-haiku-4-5"


@pytest.mark.parametrize(
    ("script", "words"),
    [("error 403", "may not use this model"), ("error 429 noretry", "rate limit")],
)
def test_api_errors_end_the_turn_and_are_shown(stack, alice_client, script, words):
    agent_id = alice_client.launch(stack.workspace(script.replace(" ", "-")), script)
    events = finish_turn(alice_client, agent_id)
    assert results(events)[0]["is_error"]
    assert words in json.dumps(events)


def test_delete_removes_all_but_the_ledger(stack, alice_client):
    agent_id = alice_client.launch(stack.workspace("delete"), "hello")
    finish_turn(alice_client, agent_id)
    label = f"label=cam.agent={agent_id}"
    assert docker("ps", "-q", "--filter", label)
    assert docker("volume", "ls", "-q", "--filter", label)
    key = agent_id.replace("-", "")
    spent = "select count(*) from metrics_app_usagerecord where agent_id = ?"
    wait_for(lambda: stack.query(spent, key)[0][0])
    assert alice_client.http.delete(f"/api/agents/{agent_id}").status_code == 204
    assert alice_client.http.get(f"/api/agents/{agent_id}").status_code == 404
    wait_for(lambda: not docker("ps", "-aq", "--filter", label), message=stack.logs)
    wait_for(lambda: not docker("volume", "ls", "-q", "--filter", label), message=stack.logs)
    events = "select count(*) from agents_sessionevent where agent_id = ?"
    wait_for(lambda: stack.query(events, key)[0][0] == 0)
    assert stack.query(spent, key)[0][0] > 0
    assert not (stack.data / "gateway/policy" / f"{agent_id}.json").exists()


def test_workspace_of_root_fails_with_the_command_that_mends_it(stack, alice_client):
    folder = stack.workspaces / "of-root"
    folder.mkdir()
    agent_id = alice_client.launch(folder, "hello")
    alice_client.wait_for_status(agent_id, "failed")
    assert "chown -R 1000:1000" in alice_client.get(f"/{agent_id}")["status_reason"]


def test_folder_outside_the_roots_is_refused(alice_client):
    answer = alice_client.http.post(
        "/api/agents", json={"workspace": "/etc", "model": "claude-opus-5-5"}
    )
    assert answer.status_code == 400
    assert "outside" in answer.json()["reason"]


def test_strangers_get_404_everywhere(stack, alice_client):
    agent_id = alice_client.launch(stack.workspace("private"), "hello")
    finish_turn(alice_client, agent_id)
    bob = Client(stack, "bob")
    assert bob.http.get(f"/api/agents/{agent_id}").status_code == 404
    assert bob.http.post(f"/api/agents/{agent_id}/stop").status_code == 404
    assert bob.get("")["agents"] == []
    assert _close_code(stack, agent_id, bob.token) == 4404
    assert _close_code(stack, agent_id, "cam_wrong") == 4404


def _close_code(stack, agent_id, token):
    with connect(
        f"ws://127.0.0.1:{stack.port}/ws/agent/{agent_id}",
        additional_headers={"Authorization": f"Bearer {token}"},
    ) as socket:
        with pytest.raises(Exception) as caught:  # noqa: PT011
            socket.recv(timeout=10)
        return caught.value.rcvd.code


def test_socket_replays_what_was_missed_and_follows(stack, alice_client):
    agent_id = alice_client.launch(stack.workspace("socket"), "hello")
    events = finish_turn(alice_client, agent_id)
    url = f"ws://127.0.0.1:{stack.port}/ws/agent/{agent_id}?after=2"
    headers = {"Authorization": f"Bearer {alice_client.token}"}
    with connect(url, additional_headers=headers) as socket:
        alice_client.post(f"/{agent_id}/send", text="markdown")
        received, live = [], ""
        while not [event for event in received if event["kind"] == "result"][1:]:
            message = json.loads(socket.recv(timeout=20))
            if message["type"] == "event":
                received.append(message)
            if message["type"] == "live":
                live = max(live, message["text"], key=len)
    assert [event["seq"] for event in received] == list(range(3, len(received) + 3))
    assert received[0]["payload"] == events[2]["payload"]
    assert live


def test_socket_of_another_origin_is_refused(stack, alice_client):
    response = httpx.get(
        f"{stack.url}/ws/pages/agents/",
        headers={
            "Origin": "https://evil.example",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        },
    )
    assert response.status_code == 403
