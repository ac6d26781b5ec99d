import pytest

from agents.models import ApprovalRequest, Decision, EditMode
from tests.agents.factories import make_agent, make_approval, make_session


@pytest.fixture
def api(client, alice):
    """Alice's browser."""
    client.force_login(alice)
    return client


def list_url(agent):
    return f"/api/agents/{agent.pk}/approvals"


def decide(client, approval, **body):
    path = f"{list_url(approval.agent)}/{approval.pk}"
    return client.post(path, body, content_type="application/json")


def test_pending_are_listed_unless_all_are_asked_for(api, agent, session, alice):
    waiting = make_approval(session, request_id="r1")
    make_approval(session, request_id="r2", decision=Decision.DENIED, decided_by=alice)
    pending = api.get(list_url(agent)).json()["approvals"]
    everything = api.get(list_url(agent), {"state": "all"}).json()["approvals"]
    assert [row["id"] for row in pending] == [waiting.pk]
    assert [row["decided_by"] for row in everything] == [None, "alice"]


def test_approval_is_shown_with_these_fields_and_no_others(api, approval):
    (shown,) = api.get(list_url(approval.agent)).json()["approvals"]
    assert shown.pop("created_at")
    assert shown == {
        "id": approval.pk,
        "tool_name": "Edit",
        "tool_input": {"file_path": "cart.py"},
        "decision": "pending",
        "message": "",
        "answers": {},
        "decided_by": None,
        "decided_at": None,
    }


def test_list_is_paged(api, agent, session):
    made = [make_approval(session, request_id=f"r{n}") for n in range(3)]
    first = api.get(list_url(agent), {"limit": 2}).json()
    second = api.get(list_url(agent), {"limit": 2, "after": first["next_after"]}).json()
    ids = [row["id"] for page in (first, second) for row in page["approvals"]]
    assert ids == [approval.pk for approval in made]
    assert second["next_after"] is None


def test_list_costs_the_same_for_many(api, agent, session, alice, django_assert_num_queries):
    for number in range(5):
        make_approval(session, request_id=f"r{number}", decision="allowed", decided_by=alice)
    with django_assert_num_queries(4):  # session, user, agent, approvals
        api.get(list_url(agent), {"state": "all"})


@pytest.mark.parametrize("query", ["state=some", "state=", "limit=0", "after=x"])
def test_list_refuses_bad_filters(api, agent, query):
    assert api.get(f"{list_url(agent)}?{query}").status_code == 422


def test_allow_is_recorded(api, approval):
    response = decide(api, approval, decision="allow")
    assert response.status_code == 200
    assert (response.json()["decision"], response.json()["decided_by"]) == ("allowed", "alice")


@pytest.mark.parametrize("scope", ["turn", "session"])
def test_allow_for_longer_sets_the_mode(api, approval, agent, scope):
    assert decide(api, approval, decision="allow", scope=scope).status_code == 200
    agent.refresh_from_db()
    assert agent.edit_mode == scope


def test_allow_for_longer_is_for_edits(api, session, agent):
    approval = make_approval(session, tool_name="Bash")
    response = decide(api, approval, decision="allow", scope="turn")
    assert response.status_code == 400
    assert "Only edits" in response.json()["reason"]


def test_answers_reach_the_question(api, session):
    approval = make_approval(session, tool_name="AskUserQuestion")
    answers = {"Which database?": "PostgreSQL"}
    assert decide(api, approval, decision="allow", answers=answers).json()["answers"] == answers


def test_deny_tells_the_model_why(api, approval):
    shown = decide(api, approval, decision="deny", message="Keep the name.").json()
    assert (shown["decision"], shown["message"]) == ("denied", "Keep the name.")


def test_second_answer_is_told_who_was_first(api, approval, bob):
    ApprovalRequest.objects.filter(pk=approval.pk).update(decision="denied", decided_by=bob)
    response = decide(api, approval, decision="allow", scope="session")
    assert response.status_code == 409
    assert response.json() == {"reason": "Already denied by bob."}
    approval.agent.refresh_from_db()
    assert approval.agent.edit_mode == EditMode.ASK


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"decision": "maybe"},
        {"decision": "allow", "scope": "forever"},
        {"decision": "allow", "message": "fine"},
        {"decision": "deny", "scope": "turn"},
        {"decision": "deny", "answers": {"a": "b"}},
        {"decision": "deny", "message": "\0"},
        {"decision": "deny", "message": "x" * 10_001},
        {"decision": "allow", "answers": {"a": 1}},
        {"decision": "allow", "answers": ["a"]},
        {"decision": "allow", "answers": {"\0": "a"}},
        {"decision": "allow", "tool_input": {}},
    ],
)
def test_bad_decisions_are_refused(api, approval, body):
    response = decide(api, approval, **body)
    assert response.status_code == 422
    assert 0 < len(response.json()["reason"]) < 400
    approval.refresh_from_db()
    assert approval.decision == Decision.PENDING


def test_strangers_decide_nothing(client, charlie, approval):
    client.force_login(charlie)
    assert decide(client, approval, decision="allow").status_code == 404
    approval.refresh_from_db()
    assert approval.decision == Decision.PENDING


def test_approval_is_not_found_by_way_of_another_agent(api, approval, charlie):
    own = make_agent(charlie)
    api.force_login(charlie)
    response = api.post(
        f"{list_url(own)}/{approval.pk}", {"decision": "allow"}, content_type="application/json"
    )
    assert response.status_code == 404


def test_list_holds_no_other_agents_approvals(api, alice, agent):
    make_approval(make_session(make_agent(alice)))
    assert api.get(list_url(agent), {"state": "all"}).json()["approvals"] == []


@pytest.mark.parametrize("approval_id", [0, 2**63, 10**30])
def test_unknown_approval_is_not_found(api, agent, approval_id):
    response = api.post(
        f"{list_url(agent)}/{approval_id}", {"decision": "allow"}, content_type="application/json"
    )
    assert response.status_code == 404


def test_decision_needs_a_post(api, approval):
    response = api.get(f"{list_url(approval.agent)}/{approval.pk}")
    assert (response.status_code, response["Allow"]) == (405, "POST")
