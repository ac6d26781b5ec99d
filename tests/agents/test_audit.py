"""Who decided and said what: told to who sees the agent, and to nobody else."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from agents import services
from agents.audit import ENTRIES_A_PAGE, AuditSelection, paginate_entries, read_entries
from agents.models import Agent, ApprovalRequest, Prompt
from tests.agents.factories import make_agent, make_approval


@pytest.fixture
def trail(agent, session, alice, bob):
    """Alice said something, bob allowed an edit, the edit mode denied one."""
    Prompt.objects.create(agent=agent, author=alice, text="fix <b>it</b>", source="api")
    services.share_agent(agent, bob, "act", by=alice)
    services.allow_approval(make_approval(session, request_id="a"), user=bob)
    make_approval(session, request_id="b", decision="denied", decided_at=timezone.now())


def entries(user, **selection):
    page = paginate_entries(user, AuditSelection(**selection)).page(1)
    return [(entry.who, entry.kind, entry.what) for entry in read_entries(page)]


def test_newest_comes_first(trail, alice):
    assert entries(alice) == [
        ("", "denied", "Edit cart.py"),
        ("bob", "allowed", "Edit cart.py"),
        ("alice", "prompt", "prompt by the API"),
    ]


def test_selection_narrows(trail, alice, agent):
    other = make_agent(alice, name="Other")
    assert entries(alice, agent=other) == []
    assert len(entries(alice, agent=agent)) == 3
    assert [who for who, _, _ in entries(alice, person="bob")] == ["bob"]
    assert [kind for _, kind, _ in entries(alice, kind="prompt")] == ["prompt"]
    assert [kind for _, kind, _ in entries(alice, kind="denied")] == ["denied"]


def test_waiting_and_withdrawn_requests_are_no_decisions(session, alice):
    make_approval(session, request_id="a")
    make_approval(session, request_id="b", decision="withdrawn", decided_at=timezone.now())
    assert entries(alice) == []


def test_prompt_that_was_taken_back_unsent_is_not_told(agent, alice):
    prompt = Prompt.objects.create(agent=agent, author=alice, text="never mind")
    services.remove_prompt(agent, prompt.pk)
    assert entries(alice) == []


def test_strangers_and_who_lost_the_share_see_nothing(trail, charlie, bob, agent, alice):
    assert entries(charlie) == []
    assert len(entries(bob)) == 3
    services.withdraw_share(agent.shares.get())
    assert entries(bob) == []


def test_a_page_is_bounded_and_four_queries(agent, session, alice, django_assert_num_queries):
    now = timezone.now()
    ApprovalRequest.objects.bulk_create(
        ApprovalRequest(
            agent=agent,
            session=session,
            request_id=str(number),
            tool_name="Edit",
            tool_input={},
            decision="allowed",
            decided_by=alice,
            decided_at=now - timedelta(minutes=number),
        )
        for number in range(ENTRIES_A_PAGE + 1)
    )
    with django_assert_num_queries(3):
        page = paginate_entries(alice, AuditSelection()).page(1)
        assert len(read_entries(page)) == ENTRIES_A_PAGE
    assert page.has_next()


def test_page_shows_the_trail_inert(trail, as_alice, agent):
    content = as_alice.get(reverse("audit_home"), {"agent": agent.pk}).content.decode()
    assert ("the edit mode" in content, "bob" in content) == (True, True)
    assert ("fix &lt;b&gt;" in content, "<b>it" in content) == (True, False)
    assert as_alice.post(reverse("audit_home")).status_code == 405


@pytest.mark.parametrize("query", [{"kind": "x"}, {"agent": "x"}, {"person": "x" * 200}])
def test_page_refuses_what_makes_no_sense(as_alice, query):
    assert 'class="error"' in as_alice.get(reverse("audit_home"), query).content.decode()


def test_page_of_a_stranger_does_not_name_the_agent(trail, as_charlie, agent):
    content = as_charlie.get(reverse("audit_home"), {"agent": agent.pk}).content.decode()
    assert Agent.objects.get().name not in content


def test_any_page_number_is_a_page(trail, as_alice):
    for page in ("0", "x", "-1", "9" * 30):
        assert as_alice.get(reverse("audit_home"), {"page": page}).status_code == 200
