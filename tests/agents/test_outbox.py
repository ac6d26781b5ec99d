import json

import pytest
from django.utils import timezone

from agents import outbox
from agents.models import AgentSession, ControlRequest, Prompt
from tests.agents.factories import make_agent, make_approval, make_session


def waiting(session):
    return [json.loads(item.line) for item in outbox.waiting(session)]


@pytest.fixture
def prompt(agent, alice):
    return Prompt.objects.create(agent=agent, author=alice, text="Hello")


def test_nothing_waits_at_first(session):
    assert waiting(session) == []


def test_decisions_go_before_requests_and_prompts(session, prompt):
    ControlRequest.objects.create(session=session, kind="set_model", arguments={"model": "m"})
    make_approval(session, decision="denied", message="No")
    make_approval(session, request_id="r2")
    lines = waiting(session)
    assert [line["type"] for line in lines] == ["control_response", "control_request", "user"]
    assert lines[0]["response"]["response"]["message"] == "No"
    assert lines[1]["request"] == {"subtype": "set_model", "model": "m"}
    assert (lines[2]["uuid"], lines[2]["message"]["content"]) == (str(prompt.pk), "Hello")


def test_refusal_without_words_gets_some(session):
    make_approval(session, decision="denied")
    assert waiting(session)[0]["response"]["response"]["message"] == outbox.REFUSED


def tell(session, **fields):
    session.agent.prompts.create(author=session.agent.owner, text="Hello", **fields)


SOMETHING = {
    "prompt": tell,
    "decision": lambda session: make_approval(session, decision="allowed"),
    "request": lambda session: session.control_requests.create(kind="interrupt"),
    "no answer yet": lambda session: AgentSession.objects.filter(pk=session.pk).update(
        initialized_at=None
    ),
}
NOTHING = {
    "prompt that is sent": lambda session: tell(session, delivery="sent"),
    "undecided approval": lambda session: make_approval(session, decision="pending"),
    "decision that is sent": lambda session: make_approval(
        session, decision="denied", delivery="sent"
    ),
    "request that is done": lambda session: session.control_requests.create(
        kind="interrupt", delivery="done"
    ),
}


@pytest.mark.parametrize("name", [*SOMETHING, *NOTHING])
def test_sessions_with_something_to_tell_are_found_among_all(session, bob, name):
    make_session(make_agent(bob))
    AgentSession.objects.update(initialized_at=timezone.now())
    (SOMETHING | NOTHING)[name](session)
    found = outbox.with_something_to_tell(AgentSession.objects.all())
    assert list(found) == ([session] if name in SOMETHING else [])


def test_claimed_row_is_claimed_once(session, prompt):
    (outgoing,) = outbox.waiting(session)
    assert outgoing.claim(session)
    assert not outgoing.claim(session)
    prompt.refresh_from_db()
    assert (prompt.delivery, prompt.session) == ("sent", session)
    assert waiting(session) == []


def test_unclaimed_row_waits_again(session, prompt):
    (outgoing,) = outbox.waiting(session)
    outgoing.claim(session)
    outgoing.unclaim()
    assert len(waiting(session)) == 1


def test_row_without_receipt_is_sent_again_by_the_next_bridge(session, prompt):
    (outgoing,) = outbox.waiting(session)
    outgoing.claim(session)
    outbox.unsend_lost(session)
    assert waiting(session)[0]["uuid"] == str(prompt.pk)


def test_row_with_receipt_is_not(session, prompt):
    (outgoing,) = outbox.waiting(session)
    outgoing.claim(session)
    Prompt.objects.update(delivery="received")
    outbox.unsend_lost(session)
    assert waiting(session) == []
