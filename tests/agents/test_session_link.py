"""What a link does when the database breaks off between a prompt and its mark."""

import pytest
from django.db import OperationalError

from agents import outbox
from agents.models import Prompt
from agents.outbox import Outgoing
from agents.session_link import SessionLink


@pytest.fixture
def written():
    return []


@pytest.fixture
def link(session, written, monkeypatch):
    link = SessionLink(session, on_change=lambda _session: None)
    monkeypatch.setattr(link, "_write", lambda line: written.append(line) or True)
    return link


@pytest.fixture
def outgoing(agent, alice, session):
    Prompt.objects.create(agent=agent, author=alice, text="Hello")
    (outgoing,) = outbox.waiting(session)
    return outgoing


def test_wake_of_a_link_that_still_reads_what_was_left_is_kept(link, outgoing, written):
    link.wake()
    assert link._inbox.empty()
    link._reach_present()
    assert link._step()
    assert written[-1:] == [outgoing.line]


@pytest.mark.parametrize("is_marked", [True, False])
def test_prompt_whose_mark_got_no_answer_waits_and_is_written_once(
    link, session, outgoing, written, monkeypatch, is_marked
):
    claim = Outgoing.claim

    def claim_without_answer(self, session):
        if is_marked:
            claim(self, session)
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(Outgoing, "claim", claim_without_answer)
        assert not link._send(outgoing)
    assert written == []
    (again,) = outbox.waiting(session)
    assert link._send(again)
    assert written == [outgoing.line]
    assert list(outbox.waiting(session)) == []
