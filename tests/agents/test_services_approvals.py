import pytest

from agents.doorbells import notice_group
from agents.errors import AlreadyDecided, InvalidRequest
from agents.models import ApprovalRequest, Decision, EditMode, Status
from agents.services import allow_approval, deny_approval, set_edit_mode
from agents.services.approvals import EDITS_ARE_OFF, decision_by_mode
from tests.agents.factories import make_approval


@pytest.mark.parametrize(
    ("mode", "decision"),
    [
        ("ask", Decision.PENDING),
        ("off", Decision.DENIED),
        ("turn", Decision.ALLOWED),
        ("session", Decision.ALLOWED),
    ],
)
def test_mode_answers_edits(mode, decision):
    assert decision_by_mode(mode, "Edit") == decision


@pytest.mark.parametrize("mode", EditMode.values)
@pytest.mark.parametrize("tool_name", ["Bash", "AskUserQuestion", "ExitPlanMode", "edit", ""])
def test_no_mode_answers_what_is_not_an_edit(mode, tool_name):
    assert decision_by_mode(mode, tool_name) == Decision.PENDING


def test_unknown_mode_is_never_taken_for_consent():
    with pytest.raises(ValueError, match="yolo"):
        decision_by_mode("yolo", "Edit")


def test_allow_records_who_and_when(approval, alice):
    allow_approval(approval, user=alice)
    approval.refresh_from_db()
    assert (approval.decision, approval.decided_by) == (Decision.ALLOWED, alice)
    assert approval.decided_at is not None


def test_allow_once_leaves_the_edit_mode(approval, alice):
    allow_approval(approval, user=alice)
    approval.agent.refresh_from_db()
    assert approval.agent.edit_mode == EditMode.ASK


@pytest.mark.parametrize("scope", ["turn", "session"])
def test_allow_for_longer_sets_the_mode_and_lets_other_edits_pass(session, alice, scope):
    first = make_approval(session, request_id="r1")
    second = make_approval(session, request_id="r2", tool_name="Write")
    allow_approval(first, user=alice, scope=scope)
    second.refresh_from_db()
    session.agent.refresh_from_db()
    assert (session.agent.edit_mode, second.decision) == (scope, Decision.ALLOWED)


@pytest.mark.parametrize("scope", ["turn", "session"])
def test_only_edits_can_be_allowed_for_longer(session, alice, scope):
    approval = make_approval(session, tool_name="Bash")
    with pytest.raises(InvalidRequest, match="Only edits"):
        allow_approval(approval, user=alice, scope=scope)
    approval.refresh_from_db()
    assert approval.decision == Decision.PENDING


def test_allow_keeps_the_answers_of_a_question(session, alice):
    approval = make_approval(session, tool_name="AskUserQuestion")
    allow_approval(approval, user=alice, answers={"Which database?": "PostgreSQL"})
    approval.refresh_from_db()
    assert approval.answers == {"Which database?": "PostgreSQL"}


def test_deny_keeps_the_message_for_the_model(approval, alice):
    deny_approval(approval, user=alice, message="  Keep the old name. ")
    approval.refresh_from_db()
    assert (approval.decision, approval.message) == (Decision.DENIED, "Keep the old name.")


@pytest.mark.parametrize("answer", [allow_approval, deny_approval])
def test_the_first_answer_wins_and_the_second_is_told_who(approval, alice, bob, answer):
    ApprovalRequest.objects.filter(pk=approval.pk).update(decision=Decision.ALLOWED, decided_by=bob)
    with pytest.raises(AlreadyDecided, match="Already allowed by bob"):
        answer(approval, user=alice)
    approval.refresh_from_db()
    assert (approval.decision, approval.decided_by) == (Decision.ALLOWED, bob)


def test_second_answer_after_the_mode_answered_names_nobody(approval, alice):
    ApprovalRequest.objects.filter(pk=approval.pk).update(decision=Decision.WITHDRAWN)
    with pytest.raises(AlreadyDecided, match="Already withdrawn by the agent itself"):
        deny_approval(approval, user=alice)


def test_losing_the_race_leaves_the_edit_mode(approval, alice, bob):
    ApprovalRequest.objects.filter(pk=approval.pk).update(decision=Decision.DENIED, decided_by=bob)
    with pytest.raises(AlreadyDecided):
        allow_approval(approval, user=alice, scope="session")
    approval.agent.refresh_from_db()
    assert approval.agent.edit_mode == EditMode.ASK


def test_last_answer_lets_the_agent_work_on(session, alice):
    agent = session.agent
    type(agent).objects.filter(pk=agent.pk).update(status=Status.NEEDS_YOU)
    first, second = (make_approval(session, request_id=r) for r in ("r1", "r2"))
    allow_approval(first, user=alice)
    agent.refresh_from_db()
    assert agent.status == Status.NEEDS_YOU
    deny_approval(second, user=alice)
    agent.refresh_from_db()
    assert agent.status == Status.WORKING


def test_an_answer_revives_no_agent_that_is_stopping(approval, alice):
    agent = approval.agent
    type(agent).objects.filter(pk=agent.pk).update(status=Status.STOPPING)
    allow_approval(approval, user=alice)
    agent.refresh_from_db()
    assert agent.status == Status.STOPPING


def test_mode_off_refuses_the_edits_that_wait(session, alice):
    edit = make_approval(session, request_id="r1")
    command = make_approval(session, request_id="r2", tool_name="Bash")
    set_edit_mode(session.agent, EditMode.OFF, user=alice)
    edit.refresh_from_db()
    command.refresh_from_db()
    assert (edit.decision, edit.message) == (Decision.DENIED, EDITS_ARE_OFF)
    assert command.decision == Decision.PENDING


def test_mode_ask_answers_nothing(approval, alice):
    set_edit_mode(approval.agent, EditMode.ASK, user=alice)
    approval.refresh_from_db()
    assert approval.decision == Decision.PENDING


def test_same_mode_again_is_quiet(agent, alice):
    set_edit_mode(agent, EditMode.TURN, user=alice)
    set_edit_mode(agent, EditMode.TURN, user=alice)
    agent.refresh_from_db()
    assert agent.edit_mode == EditMode.TURN


def test_mode_leaves_what_was_decided(approval, alice, bob):
    allow_approval(approval, user=bob)
    set_edit_mode(approval.agent, EditMode.OFF, user=alice)
    approval.refresh_from_db()
    assert (approval.decision, approval.decided_by) == (Decision.ALLOWED, bob)


@pytest.mark.parametrize("mode", ["", "yolo", "ASK"])
def test_unknown_mode_is_refused(agent, alice, mode):
    with pytest.raises((ValueError, InvalidRequest)):
        set_edit_mode(agent, mode, user=alice)
    agent.refresh_from_db()
    assert agent.edit_mode == EditMode.ASK


def test_decision_rings_after_the_commit_only(approval, alice, rung, on_commit, everyone):
    with on_commit():
        allow_approval(approval, user=alice)
        assert rung == []
    assert set(rung) == everyone(approval.agent) | {notice_group(alice.pk)}
