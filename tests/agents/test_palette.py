"""What the palette finds, for whom, and how it answers to bad input."""

import pytest
from django.urls import reverse

from agents.models import WorkspaceRoot
from agents.palette import MAX_AGENTS, find
from agents.places import PLACES, places_for
from agents.shortcuts import shortcuts_for
from tests.agents.factories import make_agent

HTMX = {"HX-Request": "true"}


def titles(groups, title):
    return [item.title for group in groups if group.title == title for item in group.items]


def test_agents_are_found_by_parts_of_name_and_folder(alice):
    make_agent(alice, name="Fix the cart", workspace="/srv/shop")
    make_agent(alice, name="Docs", workspace="/srv/handbook")
    assert titles(find(alice, "CART"), "Agents") == ["Fix the cart"]
    assert titles(find(alice, "handb"), "Agents") == ["Docs"]
    assert titles(find(alice, "shop cart"), "Agents") == ["Fix the cart"]
    assert titles(find(alice, "shop docs"), "Agents") == []


def test_other_peoples_agents_are_not_found(alice, charlie, agent):
    assert titles(find(charlie, "cart"), "Agents") == []
    assert titles(find(alice, "cart"), "Agents") == ["Fix the cart"]


def test_what_is_found_is_bounded(alice, django_assert_num_queries):
    for number in range(MAX_AGENTS + 5):
        make_agent(alice, name=f"agent {number}")
    with django_assert_num_queries(2):
        assert len(titles(find(alice, "agent"), "Agents")) == MAX_AGENTS


def test_pages_are_found_by_other_words_too(alice, staff):
    assert titles(find(alice, "dashboard"), "Pages") == ["Costs"]
    assert titles(find(alice, "spool"), "Pages") == []
    assert titles(find(staff, "spool"), "Pages") == ["Ingest of usage"]


def test_roots_lead_to_a_launch_in_them(alice, charlie):
    root = WorkspaceRoot.objects.create(path="/srv/a b&c", for_everyone=False)
    root.users.add(alice)
    (group,) = (one for one in find(alice, "srv") if one.title == "Launch in")
    assert group.items[0].href == "/agents/new/?path=%2Fsrv%2Fa+b%26c"
    assert titles(find(charlie, "srv"), "Launch in") == []


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("working", ["Interrupt", "Stop"]),
        ("needs_you", ["Interrupt", "Stop"]),
        ("idle", ["Stop"]),
        ("stopping", []),
        ("stopped", ["Start"]),
    ],
)
def test_actions_are_those_that_the_agent_can_take_now(alice, agent, status, offered):
    agent.status = status
    (group,) = (one for one in find(alice, "", agent) if one.title == "This agent")
    assert [item.title for item in group.items if item.is_action] == offered


def test_actions_need_their_page(alice, agent):
    assert titles(find(alice, "stop"), "This agent") == []
    assert titles(find(alice, "stop this agent", agent), "This agent") == ["Stop"]


def test_list_comes_alone_to_htmx_with_forms_for_actions(client, alice, agent):
    client.force_login(alice)
    here = agent.get_absolute_url()
    text = client.get("/palette/", {"q": "stop", "here": here}, headers=HTMX).text
    assert "<html" not in text
    assert 'role="option"' in text
    assert f'hx-post="{here}stop/"' in text
    elsewhere = client.get("/palette/", {"q": "stop", "here": f"{here}security/"}, headers=HTMX)
    assert "hx-post" not in elsewhere.text
    assert f'action="{here}stop/"' in elsewhere.text


def test_without_scripts_it_is_a_page(client, alice, agent):
    client.force_login(alice)
    text = client.get("/palette/", {"q": "cart"}).text
    assert "<h1>Find</h1>" in text
    assert f'href="{agent.get_absolute_url()}"' in text
    assert "aria-selected" not in text.split("<main")[1]


def test_page_of_another_persons_agent_gives_no_actions(client, charlie, agent):
    client.force_login(charlie)
    text = client.get("/palette/", {"here": agent.get_absolute_url()}, headers=HTMX).text
    assert "This agent" not in text


@pytest.mark.parametrize("here", ["/agents/" + "-" * 36 + "/", "/agents/new/", "//evil", "x"])
def test_odd_pages_are_no_agents(client, alice, here):
    client.force_login(alice)
    assert client.get("/palette/", {"here": here}, headers=HTMX).status_code == 200


@pytest.mark.parametrize("query", ["x" * 101, "a\0b"])
def test_bad_queries_are_told(client, alice, query):
    client.force_login(alice)
    response = client.get("/palette/", {"q": query}, headers=HTMX)
    assert response.status_code == 422
    assert "palette-nothing" in response.text


@pytest.mark.parametrize("query", ["%", "_", "<script>", "' or 1=1", "ünï"])
def test_odd_queries_find_nothing_and_say_so(client, alice, agent, query):
    client.force_login(alice)
    text = client.get("/palette/", {"q": query}, headers=HTMX).text
    assert "Nothing is called that" in text
    assert "<script>" not in text


def test_hostile_names_are_shown_harmless(client, alice):
    make_agent(alice, name="<b>\u202ename")
    client.force_login(alice)
    text = client.get("/palette/", {"q": "name"}, headers=HTMX).text
    assert "&lt;b&gt;⟨U+202E⟩name" in text


def test_it_rejects_post_and_asks_for_a_login(client, alice):
    assert client.get("/palette/").url.startswith("/accounts/login/")
    client.force_login(alice)
    assert client.post("/palette/").status_code == 405


# Places and keys


def test_every_place_exists_once_and_opens(client, staff):
    client.force_login(staff)
    assert len({place.url_name for place in PLACES}) == len(PLACES)
    for place in PLACES:
        assert client.get(reverse(place.url_name)).status_code in (200, 302), place


def test_only_staff_see_the_places_of_staff(alice, staff):
    assert not [place for place in places_for(alice) if place.is_for_staff]
    assert [place for place in places_for(staff) if place.is_for_staff]


def test_no_key_does_two_things(staff):
    keys = [one.keys for group in shortcuts_for(staff) for one in group.shortcuts]
    assert len(set(keys)) == len(keys)
    assert not [key for key in keys if any(other.startswith(f"{key} ") for other in keys)]


def test_overlay_and_palette_are_on_every_page_of_who_is_signed_in(client, alice):
    assert 'id="keyboard-help"' not in client.get("/accounts/login/").text
    client.force_login(alice)
    page = client.get("/").text
    assert 'data-keys="g c" data-action="go" data-target="/metrics/"' in page
    assert 'id="palette"' in page
