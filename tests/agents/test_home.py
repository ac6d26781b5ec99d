"""The page of all agents: what waits for the user, and which agents it shows in which order."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from agents import services
from agents.home import MAX_ASKED, MAX_ROWS, HomeSelection, find_asked, find_rows
from agents.models import Agent, ApprovalRequest
from tests.agents.factories import make_agent, make_approval, make_session


def names_of(user, **selection):
    return [agent.name for agent, _ in find_rows(user, HomeSelection(**selection)).waiting]


def page_of(user, query=""):
    client = Client()
    client.force_login(user)
    response = client.get(f"/{query}")
    assert response.status_code == 200
    return response.content.decode()


def ask(owner, name="asking"):
    agent = make_agent(owner, name=name, status="needs_you")
    return make_approval(make_session(agent))


def test_request_is_answered_in_place_with_its_diff(alice):
    approval = ask(alice)
    page = page_of(alice)
    assert "1 to answer" in page
    assert f'id="approval-{approval.pk}"' in page
    assert f"/agents/{approval.agent_id}/approvals/{approval.pk}/" in page


def test_requests_of_others_are_not_told(alice, charlie):
    ask(alice)
    assert "Nothing needs you" in page_of(charlie)


@pytest.mark.parametrize(("level", "count"), [("view", 0), ("act", 1)])
def test_request_of_a_shared_agent_is_for_who_may_act(alice, bob, level, count):
    services.share_agent(ask(alice).agent, bob, level, by=alice)
    assert find_asked(bob).count == count


def test_oldest_requests_come_first_and_the_rest_is_counted(alice):
    asked = [ask(alice, name=f"a{number}") for number in range(MAX_ASKED + 3)]
    ApprovalRequest.objects.filter(pk=asked[5].pk).update(created_at="2026-01-01T00:00Z")
    found = find_asked(alice)
    assert found.approvals[0] == asked[5]
    assert (len(found.approvals), found.left_out) == (MAX_ASKED, 3)
    assert "3 more wait" in page_of(alice)


def test_answered_request_is_gone(alice):
    approval = ask(alice)
    services.deny_approval(approval, user=alice)
    assert find_asked(alice).count == 0


def test_who_waits_comes_first(alice):
    ask(alice)
    make_agent(alice, name="newest")
    assert names_of(alice) == ["asking", "newest"]


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("needs-you", ["asks"]),
        ("working", ["works", "begins"]),
        ("idle", ["idles"]),
        ("ended", ["failed", "stopped"]),
    ],
)
def test_state_narrows(alice, state, found):
    for name, status in (
        *(("asks", "needs_you"), ("works", "working"), ("begins", "starting")),
        *(("idles", "idle"), ("failed", "failed"), ("stopped", "stopped")),
    ):
        make_agent(alice, name=name, status=status)
    assert sorted(names_of(alice, state=state)) == sorted(found)


@pytest.mark.parametrize("q", ["CART", "shop cart", "sonnet cart", "alice cart"])
def test_every_word_is_searched_in_all_that_tells_an_agent(alice, q):
    make_agent(alice, name="Mend the cart")
    make_agent(alice, name="other")
    assert names_of(alice, q=q) == ["Mend the cart"]


def test_orders(alice):
    now = timezone.now()
    for name, minutes in (("b", 1), ("a", 2), ("C", 3)):
        make_agent(alice, name=name, last_event_at=now + timedelta(minutes=minutes))
    make_agent(alice, name="silent")
    assert names_of(alice, order="newest") == ["C", "a", "b", "silent"]
    assert names_of(alice, order="name") == ["a", "b", "C", "silent"]


@pytest.mark.parametrize(
    "query",
    ["?state=x&order=y", "?q=%00", "?q=" + "x" * 5000, "?q=%ff&state=", "?state=idle&state=x"],
)
def test_query_that_makes_no_sense_does_no_harm(alice, query):
    make_agent(alice)
    page_of(alice, query)


def test_nothing_that_fits_leads_back_to_all(alice):
    make_agent(alice)
    assert "No agent fits" in page_of(alice, "?q=zzz")
    assert "No agents yet" not in page_of(alice, "?q=zzz")


def test_socket_is_asked_for_what_the_page_shows(alice):
    page = page_of(alice, "?q=a+%26+b&state=idle&order=")
    assert 'ws-connect="/ws/pages/agents/?q=a+%26+b&amp;state=idle"' in page


def test_many_agents_are_bounded_and_counted(alice):
    Agent.objects.bulk_create(
        Agent(owner=alice, name=f"a{number}", workspace="/srv", model="m", node="-")
        for number in range(MAX_ROWS + 7)
    )
    rows = find_rows(alice, HomeSelection())
    assert (len(rows.waiting), rows.left_out) == (MAX_ROWS, 7)
    assert "7 more" in page_of(alice)


def test_page_costs_the_same_for_many(alice, django_assert_num_queries):
    client = Client()
    client.force_login(alice)
    client.get("/")
    ask(alice)
    with django_assert_num_queries(6):
        client.get("/")
    for number in range(15):
        ask(alice, name=f"a{number}")
    with django_assert_num_queries(6):
        client.get("/")


@pytest.mark.parametrize(
    ("group", "titles"),
    [("", [""]), ("workspace", ["/srv/b", "/srv/a"]), ("owner", ["alice", "bob"]), ("x", [""])],
)
def test_groups_stand_where_their_first_agent_would(alice, bob, group, titles):
    services.share_agent(make_agent(bob, name="3", workspace="/srv/a"), alice, "view", by=bob)
    make_agent(alice, name="2", workspace="/srv/a")
    make_agent(alice, name="1", workspace="/srv/b")
    selection = HomeSelection.from_query({"group": group, "order": "name"})
    found = find_rows(alice, selection).groups
    assert [one.title for one in found] == titles
    assert sum(len(one.agents) for one in found) == 3


def test_groups_keep_to_what_is_searched_and_to_the_socket(alice):
    make_agent(alice, name="needle", workspace="/srv/a")
    make_agent(alice, name="other", workspace="/srv/b")
    page = page_of(alice, "?q=needle&group=workspace")
    assert "<h2>/srv/a</h2>" in page
    assert "/srv/b" not in page
    assert 'ws-connect="/ws/pages/agents/?q=needle&amp;group=workspace"' in page


def test_groups_cost_no_query_more(alice, django_assert_max_num_queries):
    client = Client()
    client.force_login(alice)
    for number in range(9):
        make_agent(alice, workspace=f"/srv/{number}")
    with django_assert_max_num_queries(6):
        client.get("/?group=owner")
