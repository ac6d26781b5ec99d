"""Who is let in by an agent's owner, to look or to act, and who is not."""

import re
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.urls import reverse
from django.utils import timezone

from agents import services
from agents.errors import InvalidRequest
from agents.models import Agent, AgentShare, ApprovalRequest, Decision, Prompt
from agents.services.notifications import people_told
from cam_site.urls import urlpatterns
from tests.agents.conftest import client_of
from tests.agents.factories import make_agent, make_event

ACTIONS = {
    "agent_send": {"text": "Hello"},
    "agent_interrupt": {},
    "agent_stop": {},
    "agent_resume": {},
    "agent_edit_mode": {"edit_mode": "off"},
    "agent_model": {"model": "claude-opus-5-5"},
    "agent_effort": {"effort": "high"},
    "agent_plan_mode": {"plans_first": "on"},
    "screenshot_add": {},
    "approval_decide": {"decision": "once"},
}
JSON = "application/json"
PICTURE = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("shot.png", b"picture")})
API_BODIES = {
    "send": (JSON, '{"text": "Hello"}'),
    "approve-edits": (JSON, '{"mode": "off"}'),
    "screenshot": (MULTIPART_CONTENT, PICTURE),
}
OF_THE_OWNER = ("agent_delete", "share_withdraw", "agent_sharing")


@pytest.fixture
def group(bob):
    found = Group.objects.create(name="team")
    bob.groups.add(found)
    return found


@pytest.fixture
def look(agent, alice, bob):
    return services.share_agent(agent, bob, "view", by=alice)


@pytest.fixture
def act(agent, alice, bob):
    return services.share_agent(agent, bob, "act", by=alice)


def path_of(name, agent, approval=None, share=None):
    arguments = [row.pk for row in (agent, approval, share) if row is not None]
    return reverse(name, args=arguments)


def paths_about_agents():
    """Every page and API path that names an agent, as this site has them."""

    def walk(patterns, prefix):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if hasattr(pattern, "url_patterns"):
                yield from walk(pattern.url_patterns, route)
            elif "agent_id" in route:
                yield route

    return sorted(set(walk(urlpatterns, "/")))


@pytest.mark.parametrize("route", paths_about_agents())
@pytest.mark.parametrize("method", ["get", "post", "delete", "patch"])
def test_stranger_learns_of_no_path_of_an_agent(route, method, agent, approval, charlie):
    known = {"agent_id": agent.pk, "approval_id": approval.pk, "share_id": 1, "file_format": "md"}
    known |= {"prompt_id": uuid4(), "screenshot_id": uuid4(), "seq": 1, "number": 0}
    path = re.sub(r"<\w+:(\w+)>", lambda found: str(known[found[1]]), route)
    other = '{"effort": "low"}' if method == "patch" else '{"decision": "allow"}'
    kind, body = API_BODIES.get(path.rsplit("/", 1)[-1], (JSON, other))
    response = client_of(charlie).generic(method, path, body, content_type=kind)
    assert response.status_code in (404, 405)
    assert agent.name.encode() not in response.content


def test_there_are_paths_to_walk():
    assert len(paths_about_agents()) > 20


def test_shared_agent_and_its_rows_are_seen(look, agent, approval, session, bob, charlie):
    make_event(session, 1)
    assert list(Agent.objects.visible_to(bob)) == [agent]
    assert ApprovalRequest.objects.visible_to(bob).count() == 1
    assert not Agent.objects.visible_to(charlie).exists()


def test_agent_shared_twice_over_is_seen_once(act, agent, alice, bob, group):
    alice.groups.add(group)
    services.share_agent(agent, group, "view", by=alice)
    make_agent(bob, name="own")
    assert Agent.objects.visible_to(bob).count() == 2
    assert Agent.objects.actable_by(bob).filter(pk=agent.pk).count() == 1


def test_group_lets_its_members_in_for_as_long_as_they_are_members(agent, alice, bob, group):
    alice.groups.add(group)
    services.share_agent(agent, group, "act", by=alice)
    assert Agent.objects.actable_by(bob).exists()
    bob.groups.clear()
    assert not Agent.objects.visible_to(bob).exists()


def test_deleted_agent_is_gone_for_all(act, agent, bob):
    Agent.objects.update(deleted_at=timezone.now())
    assert not Agent.objects.visible_to(bob).exists()


def test_who_may_look_reads_and_cannot_act(look, agent, approval, session, bob, sent_tasks):
    client = client_of(bob)
    page = client.get(agent.get_absolute_url())
    assert "only-look" in page.content.decode()
    assert "alice shares this agent" in page.content.decode()
    for name, data in ACTIONS.items():
        asked = approval if name == "approval_decide" else None
        assert client.post(path_of(name, agent, asked), data).status_code == 403, name
    approval.refresh_from_db()
    assert approval.decision == Decision.PENDING
    assert not Prompt.objects.exists()


def test_who_may_look_is_refused_by_the_api(look, agent, approval, bob):
    client = client_of(bob)
    base = f"/api/agents/{agent.pk}"
    assert client.get(base).status_code == 200
    for action in (
        "send",
        "stop",
        "interrupt",
        "resume",
        "approve-edits",
        "screenshot",
        f"approvals/{approval.pk}",
    ):
        kind, body = API_BODIES.get(action, (JSON, '{"decision": "allow"}'))
        response = client.generic("POST", f"{base}/{action}", body, content_type=kind)
        assert (response.status_code, "look" in response.json()["reason"]) == (403, True), action
    assert client.delete(base).status_code == 403


def test_who_may_act_answers_and_talks(act, agent, approval, bob, sent_tasks):
    client = client_of(bob)
    assert client.post(path_of("approval_decide", agent, approval), {"decision": "once"}).url
    client.post(path_of("agent_send", agent), {"text": "Hello"})
    approval.refresh_from_db()
    assert approval.decided_by == bob
    assert Prompt.objects.get().author == bob


def test_what_is_the_owners_stays_the_owners(act, agent, bob):
    client = client_of(bob)
    for name in OF_THE_OWNER:
        share = act if name == "share_withdraw" else None
        assert client.post(path_of(name, agent, share=share), {}).status_code == 403, name
    agent.refresh_from_db()
    assert agent.deleted_at is None
    assert "Delete the agent" not in client.get(agent.get_absolute_url()).content.decode()


def test_resume_by_another_counts_for_the_owner(alice, bob, settings, sent_tasks):
    settings.CAM_MAX_AGENTS_PER_USER = 1
    shared = make_agent(alice, status="stopped")
    services.share_agent(shared, bob, "act", by=alice)
    make_agent(bob, status="idle")
    make_agent(alice, status="idle")
    path = path_of("agent_resume", shared)
    response = client_of(bob).post(path, headers={"HX-Request": "true"})
    assert "as many as this site allows" in response.content.decode()
    Agent.objects.filter(owner=alice, status="idle").delete()
    assert client_of(bob).post(path, headers={"HX-Request": "true"}).status_code == 200


def test_who_may_act_is_told_what_happens(act, agent, alice, bob):
    assert people_told(agent) == [alice, bob]


def test_who_may_look_is_not_told(look, agent, alice):
    assert people_told(agent) == [alice]


def test_owner_shares_on_the_page(agent, alice, bob):
    path = path_of("agent_sharing", agent)
    response = client_of(alice).post(path, {"username": "bob", "level": "act"})
    assert response.url == path
    assert "bob" in client_of(alice).get(path).content.decode()
    assert Agent.objects.actable_by(bob).exists()


def test_sharing_again_changes_the_level(look, agent, alice, bob):
    services.share_agent(agent, bob, "act", by=alice)
    assert [share.level for share in AgentShare.objects.all()] == ["act"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"username": "nobody", "level": "view"}, "no active user"),
        ({"username": "bob", "level": "own"}, "valid choice"),
        ({"username": "", "level": "view"}, "Name a user or choose a group."),
        ({"username": "alice", "level": "view"}, "yours already"),
        ({"username": "b" * 151, "level": "view"}, "150"),
        ({"group": "1", "level": "view"}, "Name a user"),
    ],
)
def test_wrong_sharing_is_refused_in_words(agent, alice, bob, data, words):
    response = client_of(alice).post(path_of("agent_sharing", agent), data)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not AgentShare.objects.exists()


def test_disabled_user_is_told_from_nobody_by_no_word(agent, alice, bob):
    bob.is_active = False
    bob.save()
    client = client_of(alice)
    answers = [
        client.post(path_of("agent_sharing", agent), {"username": name, "level": "view"})
        for name in ("bob", "nob")
    ]
    first, second = (answer.content.decode() for answer in answers)
    assert "There is no active user of this name." in first
    assert "There is no active user of this name." in second


def test_group_of_others_cannot_be_chosen(agent, alice, group):
    with pytest.raises(InvalidRequest):
        services.share_agent(agent, group, "view", by=alice)
    path = path_of("agent_sharing", agent)
    data = {"group": group.pk, "level": "view"}
    assert client_of(alice).post(path, data).status_code == 422


def test_share_of_nobody_or_two_is_no_row(agent, bob, group):
    for fields in ({}, {"user": bob, "group": group}):
        with pytest.raises(IntegrityError), transaction.atomic():
            AgentShare.objects.create(agent=agent, **fields)


def test_withdrawn_share_lets_nobody_in(look, agent, alice, bob):
    path = path_of("share_withdraw", agent, share=look)
    assert client_of(alice).get(path).status_code == 405
    client_of(alice).post(path)
    assert client_of(bob).get(agent.get_absolute_url()).status_code == 404
    assert client_of(alice).post(path).status_code == 404


def test_share_of_another_agent_is_not_withdrawn(look, alice):
    other = make_agent(alice, name="other")
    assert client_of(alice).post(path_of("share_withdraw", other, share=look)).status_code == 404
    assert AgentShare.objects.exists()


def test_list_says_whose_it_is_and_costs_no_query_more(
    look, alice, bob, django_assert_max_num_queries
):
    for number in range(5):
        services.share_agent(make_agent(alice, name=f"a{number}"), bob, "view", by=alice)
    client = client_of(bob)
    with django_assert_max_num_queries(10):
        page = client.get("/").content.decode()
    assert page.count("shared by alice") == 6
    assert "shared by" not in client_of(alice).get("/").content.decode()
