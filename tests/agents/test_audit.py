"""Who decided and said what: told to who sees the agent, and to nobody else."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from agents import services
from agents.audit import ENTRIES_A_PAGE, AuditSelection, paginate_entries, read_entries
from agents.models import Act, Agent, ApprovalRequest, AuditRecord, Prompt
from agents.services.acts import record_act
from tests.agents.conftest import client_of
from tests.agents.factories import make_agent, make_approval


@pytest.fixture
def trail(agent, session, alice, bob):
    """Alice said something and shared, bob allowed an edit, the edit mode denied one."""
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
        ("alice", "act", "shared it"),
        ("alice", "prompt", "prompt by the API"),
    ]


def test_selection_narrows(trail, alice, agent):
    other = make_agent(alice, name="Other")
    assert entries(alice, agent=other) == []
    assert len(entries(alice, agent=agent)) == 4
    assert [who for who, _, _ in entries(alice, person="bob")] == ["bob"]
    assert [kind for _, kind, _ in entries(alice, kind="prompt")] == ["prompt"]
    assert [kind for _, kind, _ in entries(alice, kind="denied")] == ["denied"]
    assert [kind for _, kind, _ in entries(alice, kind="act")] == ["act"]


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
    assert len(entries(bob)) == 4
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


# What was done


def test_every_action_is_told_with_what_was_chosen(agent, session, alice, bob, sent_tasks):
    client = client_of(alice)
    for name, data in (
        ("agent_model", {"model": "claude-opus-5-5"}),
        ("agent_effort", {"effort": "high"}),
        ("agent_plan_mode", {"plans_first": "on"}),
        ("agent_edit_mode", {"edit_mode": "session"}),
        ("agent_interrupt", {}),
        ("agent_stop", {}),
    ):
        client.post(reverse(name, args=[agent.pk]), data)
    services.end_session(session, exit_code=0, reason="", failed=False)
    client.post(reverse("agent_resume", args=[agent.pk]))
    share = services.share_agent(agent, bob, "view", by=alice)
    client.post(reverse("share_withdraw", args=[agent.pk, share.pk]))
    client.post(reverse("agent_delete", args=[agent.pk]))
    told = AuditRecord.objects.order_by("pk").values_list("act", "detail")
    assert list(told) == [
        ("model", "claude-opus-5-5"),
        ("effort", "High"),
        ("plan_mode", "on"),
        ("edit_mode", "Allow edits this session"),
        ("interrupt", ""),
        ("stop", ""),
        ("resume", ""),
        ("share", "with bob: may look"),
        ("withdraw", "of bob"),
        ("delete", ""),
    ]
    assert {record.user for record in AuditRecord.objects.all()} == {alice}


def test_deleted_agent_is_named_and_not_linked(agent, alice, as_alice):
    services.delete_agent(agent, by=alice)
    content = as_alice.get(reverse("audit_home")).content.decode()
    assert "deleted it" in content
    assert agent.get_absolute_url() not in content


def test_action_twice_is_told_once(agent, session, alice):
    for _ in range(2):
        services.stop_agent(agent, by=alice)
        services.delete_agent(agent, by=alice)
    assert [act for _, _, act in entries(alice)] == ["deleted it", "stopped it"]


def test_what_nobody_did_is_not_told(agent, session):
    services.stop_agent(agent)
    assert not AuditRecord.objects.exists()


def test_launch_and_what_was_done_with_a_folder_are_told(alice, bob, workspace, sent_tasks):
    services.launch_agent(owner=alice, workspace=str(workspace))
    record_act(alice, Act.COMMIT, None, "/srv/shop\nFix it\ncart.py")
    assert entries(alice) == [
        ("alice", "act", "committed changes"),
        ("alice", "act", "launched it"),
    ]
    assert entries(bob) == []
