from uuid import uuid4

import pytest

from agents.models import Agent, AgentSession, Delivery, EditMode, Status
from tests.agents.factories import make_agent, make_approval, make_event

AGENTS = "/api/agents"
MODEL = "claude-sonnet-5-5"
ACTIONS = {
    "send": {"text": "Hello"},
    "approve-edits": {"mode": "turn"},
    "stop": None,
    "interrupt": None,
    "resume": None,
}


@pytest.fixture
def api(client, alice):
    """Alice's browser."""
    client.force_login(alice)
    return client


def post(client, path, body=None):
    return client.post(path, body, content_type="application/json")


def url(agent, action=""):
    return f"{AGENTS}/{agent.pk}" + (f"/{action}" if action else "")


# list, show, launch, delete


def test_list_shows_own_agents_newest_first(api, alice, bob, agent):
    make_agent(bob, name="Bob's")
    newer = make_agent(alice, name="Newer")
    found = api.get(AGENTS).json()["agents"]
    assert [row["id"] for row in found] == [str(newer.pk), str(agent.pk)]


def test_list_costs_the_same_for_many(api, alice, agent, django_assert_num_queries):
    with django_assert_num_queries(3):  # session, user, agents
        api.get(AGENTS)
    for _ in range(5):
        make_agent(alice)
    with django_assert_num_queries(3):
        assert len(api.get(AGENTS).json()["agents"]) == 6


def test_list_is_cut_by_offset_and_limit(api, alice):
    for number in range(5):
        make_agent(alice, name=str(number))
    found = api.get(AGENTS, {"offset": 1, "limit": 2}).json()["agents"]
    assert [row["name"] for row in found] == ["3", "2"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "offset=-1", f"offset={2**63}", "limit="]
)
def test_list_refuses_bad_bounds(api, query):
    response = api.get(f"{AGENTS}?{query}")
    assert response.status_code == 422
    assert response.json()["reason"].startswith(f"query.{query.split('=')[0]}: ")


def test_agent_is_shown_with_these_fields_and_no_others(api, agent):
    shown = api.get(url(agent)).json()
    assert shown.pop("created_at").startswith(f"{agent.created_at:%Y-%m-%dT%H:%M:%S}")
    assert shown == {
        "id": str(agent.pk),
        "name": "Fix the cart",
        "workspace": "/srv/workspaces/shop",
        "model": MODEL,
        "edit_mode": "ask",
        "effort": "",
        "plans_first": False,
        "context_percent": None,
        "status": "idle",
        "status_reason": "",
        "activity": "",
        "last_event_at": None,
        "last_seq": 0,
    }


def test_launch_starts_an_agent(api, alice, workspace):
    body = {"workspace": str(workspace), "model": MODEL, "name": "Cart", "prompt": "Fix it."}
    response = post(api, AGENTS, body)
    agent = Agent.objects.get()
    assert response.status_code == 201
    assert response.json()["id"] == str(agent.pk)
    assert (agent.owner, agent.status, agent.name) == (alice, Status.STARTING, "Cart")
    assert agent.prompts.get().source == "api"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"model": "gpt-1"}, 400),
        ({"workspace": "/etc"}, 400),
        ({"workspace": "/" + "x" * 4000}, 400),
        ({"workspace": "/x/" * 2000}, 422),
        ({"workspace": 7}, 422),
        ({"workspace": None}, 422),
        ({"name": "x" * 101}, 422),
        ({"name": "\0"}, 422),
        ({"name": "\ud800"}, 422),
        ({"edit_mode": "yolo"}, 422),
        ({"prompt": "x" * 200_001}, 422),
        ({"owner": 1}, 422),
        ({"x" * 5000: 1}, 422),
    ],
)
def test_launch_refuses_bad_input(api, workspace, fields, status):
    response = post(api, AGENTS, {"workspace": str(workspace), "model": MODEL} | fields)
    assert response.status_code == status
    assert 0 < len(response.json()["reason"]) < 400
    assert not Agent.objects.exists()


def test_launch_past_the_limit_is_a_conflict(api, workspace, agent, settings):
    settings.CAM_MAX_AGENTS_PER_USER = 1
    response = post(api, AGENTS, {"workspace": str(workspace), "model": MODEL})
    assert response.status_code == 409
    assert "1 running" in response.json()["reason"]


def test_delete_hides_the_agent(api, agent):
    response = api.delete(url(agent))
    assert (response.status_code, response.content) == (204, b"")
    assert api.get(url(agent)).status_code == 404
    assert api.delete(url(agent)).status_code == 404


# what one says to an agent


def test_send_queues_a_prompt(api, agent, alice):
    response = post(api, url(agent, "send"), {"text": "Run the tests."})
    prompt = agent.prompts.get()
    assert response.status_code == 202
    assert (response.json()["id"], response.json()["delivery"]) == (str(prompt.pk), "queued")
    assert (prompt.author, prompt.source, prompt.text) == (alice, "api", "Run the tests.")


def test_send_resumes_an_agent_that_has_stopped(api, stopped_agent):
    assert post(api, url(stopped_agent, "send"), {"text": "Go on"}).status_code == 202
    stopped_agent.refresh_from_db()
    assert stopped_agent.status == Status.STARTING


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"text": " "}, 400),
        ({"text": ""}, 400),
        ({"text": "x" * 200_001}, 422),
        ({"text": 7}, 422),
        ({"text": "a\0b"}, 422),
        ({"text": "\udc00"}, 422),
        ({"txt": "Hello"}, 422),
        ({}, 422),
        ([], 422),
        ('"Hello"', 422),
        (None, 422),
    ],
)
def test_send_refuses_bad_input(api, agent, body, status):
    response = post(api, url(agent, "send"), body)
    assert response.status_code == status
    assert response.json()["reason"]
    assert not agent.prompts.exists()


@pytest.mark.parametrize("mode", EditMode.values)
def test_approve_edits_sets_the_mode(api, agent, mode):
    response = post(api, url(agent, "approve-edits"), {"mode": mode})
    assert (response.status_code, response.json()["edit_mode"]) == (200, mode)


def test_approve_edits_answers_the_edits_that_wait(api, agent, approval, alice):
    post(api, url(agent, "approve-edits"), {"mode": "session"})
    approval.refresh_from_db()
    assert (approval.decision, approval.decided_by) == ("allowed", alice)


@pytest.mark.parametrize("body", [{}, {"mode": "yolo"}, {"mode": ""}, {"mode": ["ask"]}])
def test_approve_edits_refuses_bad_input(api, agent, body):
    assert post(api, url(agent, "approve-edits"), body).status_code == 422
    agent.refresh_from_db()
    assert agent.edit_mode == EditMode.ASK


def test_stop_and_stop_again(api, agent):
    for _ in range(2):
        response = post(api, url(agent, "stop"))
        assert (response.status_code, response.json()["status"]) == (202, "stopping")


def test_stop_of_a_stopped_agent_is_a_conflict(api, stopped_agent):
    response = post(api, url(stopped_agent, "stop"))
    assert response.status_code == 409
    assert response.json() == {"reason": "The agent is not running."}


def test_interrupt_is_queued(api, agent, session):
    assert post(api, url(agent, "interrupt")).status_code == 202
    assert session.control_requests.get().delivery == Delivery.QUEUED


def test_interrupt_of_a_stopped_agent_is_a_conflict(api, stopped_agent):
    assert post(api, url(stopped_agent, "interrupt")).status_code == 409


def test_resume_starts_a_stopped_agent_once(api, stopped_agent):
    response = post(api, url(stopped_agent, "resume"))
    assert (response.status_code, response.json()["status"]) == (202, "starting")
    again = post(api, url(stopped_agent, "resume"))
    assert (again.status_code, again.json()) == (409, {"reason": "The agent is already running."})
    assert stopped_agent.sessions.count() == 1


# history


def test_history_is_paged_without_gap_or_double(api, agent, session):
    for seq in range(1, 6):
        make_event(session, seq)
    seqs, after = [], 0
    while after is not None:
        page = api.get(url(agent, "history"), {"after": after, "limit": 2}).json()
        seqs += [event["seq"] for event in page["events"]]
        after = page["next_after"]
    assert seqs == [1, 2, 3, 4, 5]


def test_history_shows_the_line_as_it_was_written(api, agent, session):
    payload = {"type": "assistant", "message": {"content": [{"text": "<b>é</b>"}]}, "n": 1.5}
    event = make_event(session, 1, payload=payload)
    (shown,) = api.get(url(agent, "history")).json()["events"]
    assert shown.pop("created_at").startswith(f"{event.created_at:%Y-%m-%dT%H:%M:%S}")
    assert shown == {"seq": 1, "kind": "assistant", "payload": payload}


def test_history_past_the_end_is_empty(api, agent, session):
    make_event(session, 1)
    page = api.get(url(agent, "history"), {"after": 1}).json()
    assert page == {"events": [], "next_after": None}


def test_history_holds_no_other_agents_events(api, alice, agent, session):
    other = AgentSession.objects.create(agent=make_agent(alice), number=1)
    make_event(other, 1)
    assert api.get(url(agent, "history")).json()["events"] == []


@pytest.mark.parametrize("query", ["after=-1", "after=x", f"after={2**64}", "limit=0", "limit=501"])
def test_history_refuses_bad_cursors(api, agent, query):
    assert api.get(f"{url(agent, 'history')}?{query}").status_code == 422


# who may


@pytest.mark.parametrize("action", ["", "history", "approvals"])
def test_strangers_read_nothing(client, charlie, agent, action):
    client.force_login(charlie)
    response = client.get(url(agent, action))
    assert response.status_code == 404
    assert agent.name not in response.text


@pytest.mark.parametrize(("action", "body"), ACTIONS.items())
def test_strangers_change_nothing(client, charlie, agent, action, body):
    before = Agent.objects.values().get()
    client.force_login(charlie)
    assert post(client, url(agent, action), body).status_code == 404
    assert client.delete(url(agent)).status_code == 404
    assert Agent.objects.values().get() == before
    assert not agent.prompts.exists()


def test_strangers_answer_cannot_be_told_from_that_for_nothing(client, charlie, agent):
    client.force_login(charlie)
    existing, missing = client.get(url(agent)), client.get(f"{AGENTS}/{uuid4()}")
    assert existing.status_code == missing.status_code == 404
    assert existing.content == missing.content


def test_who_is_not_signed_in_is_refused(client, agent):
    for path in (AGENTS, url(agent), url(agent, "history"), url(agent, "approvals")):
        response = client.get(path)
        assert response.status_code == 401
        assert response.json() == {"reason": "Sign in or send a token."}


@pytest.mark.parametrize(("action", "body"), ACTIONS.items())
def test_actions_need_a_post(api, agent, action, body):
    response = api.get(url(agent, action))
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert response.json() == {"reason": "GET is not possible here."}


def test_no_approval_of_an_agent_is_in_its_own_json(api, agent, session):
    make_approval(session)
    assert "cart.py" not in api.get(url(agent)).text
