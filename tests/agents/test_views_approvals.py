import pytest

from agents.models import Agent, Decision, EditMode
from tests.agents.factories import make_agent, make_approval, make_session

HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture(autouse=True)
def _quiet(rung, sent_tasks):
    """No broker and no doorbells here."""


def decide(client, approval, decision, **data):
    url = f"/agents/{approval.agent_id}/approvals/{approval.pk}/"
    response = client.post(url, {"decision": decision, **data}, **HTMX)
    approval.refresh_from_db()
    return response


@pytest.mark.parametrize(
    ("decision", "mode"), [("once", "ask"), ("turn", "turn"), ("session", "session")]
)
def test_allow_reaches_as_far_as_asked(as_alice, alice, approval, decision, mode):
    assert decide(as_alice, approval, decision).status_code == 200
    assert (approval.decision, approval.decided_by) == (Decision.ALLOWED, alice)
    assert Agent.objects.get().edit_mode == EditMode(mode)


def test_deny_carries_its_message(as_alice, approval):
    assert decide(as_alice, approval, "deny", message="Use README.md").status_code == 200
    assert (approval.decision, approval.message) == (Decision.DENIED, "Use README.md")


def test_second_answer_is_told_who_was_first(as_alice, approval):
    decide(as_alice, approval, "deny")
    response = decide(as_alice, approval, "once")
    assert (response.status_code, approval.decision) == (422, Decision.DENIED)
    assert "Already denied by alice." in response.content.decode()


def test_strangers_cannot_decide(client, charlie, approval):
    client.force_login(charlie)
    assert decide(client, approval, "once").status_code == 404
    assert approval.decision == Decision.PENDING


def test_an_approval_is_found_under_its_own_agent_only(as_alice, alice, approval):
    other = make_agent(alice)
    response = as_alice.post(f"/agents/{other.pk}/approvals/{approval.pk}/", {"decision": "once"})
    approval.refresh_from_db()
    assert (response.status_code, approval.decision) == (404, Decision.PENDING)


def test_decide_rejects_get(as_alice, approval):
    url = f"/agents/{approval.agent_id}/approvals/{approval.pk}/"
    assert as_alice.get(url).status_code == 405


@pytest.mark.parametrize("decision", ["", "always", "<b>"])
def test_unknown_decisions_are_refused(as_alice, approval, decision):
    assert decide(as_alice, approval, decision).status_code == 422
    assert approval.decision == Decision.PENDING


def test_a_command_cannot_be_allowed_for_a_session(as_alice, session):
    approval = make_approval(session, tool_name="Bash")
    assert decide(as_alice, approval, "session").status_code == 422
    assert approval.decision == Decision.PENDING


@pytest.fixture
def question(session):
    approval = make_approval(session, tool_name="AskUserQuestion")
    approval.tool_input = {
        "questions": [{"question": "Which?", "options": [{"label": "A"}, {"label": "B"}]}]
    }
    approval.save()
    return approval


def test_question_is_answered(as_alice, question):
    assert decide(as_alice, question, "once", **{"answer-0": "1"}).status_code == 200
    assert (question.decision, question.answers) == (Decision.ALLOWED, {"Which?": "B"})


def test_question_needs_an_answer(as_alice, question):
    response = decide(as_alice, question, "once")
    assert (response.status_code, question.decision) == (422, Decision.PENDING)


def test_question_can_be_declined(as_alice, question):
    decide(as_alice, question, "deny", message="Decide yourself")
    assert question.decision == Decision.DENIED


def test_approval_of_a_deleted_agent_is_gone(as_alice, alice):
    approval = make_approval(make_session(make_agent(alice)))
    as_alice.post(f"/agents/{approval.agent_id}/delete/")
    assert decide(as_alice, approval, "once").status_code == 404


def input_url(approval):
    return f"/agents/{approval.agent_id}/approvals/{approval.pk}/input/"


def test_whole_request_leaves_nothing_out(as_alice, session):
    text = "x = 1\n" * 5000 + "import os\u202e <script>"
    approval = make_approval(session, tool_name="Write", request_id="r9")
    approval.tool_input = {"file_path": "/workspace/a.py", "content": text, "deep": [1, {"a": 2}]}
    approval.save()
    response = as_alice.get(input_url(approval))
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["X-Content-Type-Options"] == "nosniff"
    shown = response.content.decode()
    assert shown.count("x = 1") == 5000
    assert shown.startswith("Write\n\nfile_path:\n/workspace/a.py")
    assert '"a": 2' in shown
    assert "\u202e" not in shown


def test_whole_request_takes_any_input(as_alice, session):
    approval = make_approval(session, request_id="r9")
    approval.tool_input = ["no", "object"]
    approval.save()
    assert '"object"' in as_alice.get(input_url(approval)).content.decode()


def test_whole_request_is_not_for_strangers(client, charlie, approval):
    assert client.get(input_url(approval)).status_code == 302
    client.force_login(charlie)
    assert client.get(input_url(approval)).status_code == 404


def test_whole_request_rejects_post(as_alice, approval):
    assert as_alice.post(input_url(approval)).status_code == 405
