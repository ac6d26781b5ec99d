"""Which events make a notification, whom they reach, and when they are over."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents.models import Agent, Dispatch, Notification, NotificationChoice, PushSubscription
from agents.recorder import Recorder
from agents.services import allow_approval, end_session, stop_agent
from agents.services.notifications import people_told
from tests.agents.test_recorder import RESULT, TURN, asks, framed


@pytest.fixture
def recorder(session):
    return Recorder(session)


def told():
    return [(row.kind, row.text) for row in Notification.objects.order_by("pk")]


def test_request_tells_the_owner_once(recorder, agent, alice):
    recorder.record([framed(**TURN), asks("Edit")])
    recorder.record([asks("Bash", "r2")])
    assert told() == [("needs_you", "It asks to use Edit.")]
    row = Notification.objects.get()
    assert (row.user, row.title) == (alice, "Fix the cart needs you")


def test_question_is_told_from_a_tool(recorder):
    recorder.record([asks("AskUserQuestion")])
    assert told() == [("needs_you", "It asks a question.")]


def test_hostile_tool_name_is_cut_and_plain(recorder):
    recorder.record([asks("x\u202e\x1b[31m" + "y" * 500)])
    ((_, text),) = told()
    assert len(text) < 100
    assert not {"\u202e", "\x1b"} & set(text)


def test_edit_mode_that_answers_tells_nobody(recorder):
    Agent.objects.update(edit_mode="session")
    recorder.record([framed(**TURN), asks("Edit")])
    assert told() == []


def test_turn_within_one_batch_is_finished(recorder):
    recorder.record([framed(**TURN), framed(**RESULT)])
    recorder.record([framed(**TURN), framed(**RESULT)])
    assert [kind for kind, _ in told()] == ["finished", "finished"]


def test_turn_that_is_followed_by_the_next_at_once_is_not_told(recorder):
    recorder.record([framed(**TURN), framed(**RESULT), framed(**TURN)])
    assert told() == []


def test_answer_ends_the_need(recorder, agent, alice):
    recorder.record([asks()])
    allow_approval(agent.approvals.get(), user=alice)
    assert Notification.objects.get().read_at
    recorder.record([asks("Bash", "r2")])
    assert Notification.objects.filter(read_at=None).count() == 1


def test_withdrawn_request_ends_the_need(recorder):
    recorder.record([asks()])
    recorder.record([framed(type="control_cancel_request", request_id="r1")])
    assert Notification.objects.get().read_at


@pytest.mark.parametrize(("failed", "kind"), [(True, "failed"), (False, "ended")])
def test_end_is_told_once(session, failed, kind):
    for _ in range(2):
        end_session(session, exit_code=1, reason="secret output", failed=failed)
    ((found, text),) = told()
    assert found == kind
    assert "secret output" not in text


def test_stop_that_somebody_asked_for_is_not_told(agent, session, sent_tasks):
    stop_agent(agent)
    end_session(session, exit_code=143, reason="stopped", failed=True)
    assert told() == []


def test_end_of_a_deleted_agent_is_not_told(agent, session):
    Agent.objects.update(deleted_at=timezone.now())
    session.refresh_from_db()
    end_session(session, exit_code=None, reason="deleted", failed=False)
    assert told() == []


def test_locked_out_owner_is_not_told(agent, alice):
    assert people_told(agent) == [alice]
    User.objects.update(is_active=False)
    assert people_told(agent) == []


def choose(user, channel, kind="needs_you"):
    NotificationChoice.objects.create(user=user, kind=kind, channel=channel)


def test_all_channels_are_quiet_at_first(recorder, alice):
    PushSubscription.objects.create(user=alice)
    recorder.record([asks()])
    assert not Dispatch.objects.exists()


def test_chosen_channels_carry_the_chosen_kinds(recorder, alice, sent_tasks, on_commit):
    for number in (1, 2):
        PushSubscription.objects.create(user=alice, endpoint_digest=str(number))
    choose(alice, "push")
    choose(alice, "email")
    choose(alice, "webhook")  # not set up
    with on_commit():
        recorder.record([asks()])
        recorder.record([framed(**RESULT)])
    assert sorted(Dispatch.objects.values_list("channel", flat=True)) == ["email", "push", "push"]
    assert {name for name, _ in sent_tasks} == {"agents.tasks.send_dispatch"}
    assert len(sent_tasks) == 3
