"""Several agents stopped at once from the page of all agents."""

from uuid import uuid4

import pytest
from django.test import Client

from agents import services
from agents.forms import MAX_CHOSEN
from agents.models import Agent, Status
from tests.agents.factories import make_agent

PATH = "/agents/stop/"


@pytest.fixture
def client(alice):
    client = Client()
    client.force_login(alice)
    return client


def stop(client, *agents, **fields):
    ids = [getattr(agent, "pk", agent) for agent in agents]
    return client.post(PATH, {"agent": ids, "confirmed": "yes", **fields}, follow=True)


def status_of(agent):
    return Agent.objects.values_list("status", flat=True).get(pk=agent.pk)


def words_of(response):
    return [str(message) for message in response.context["messages"]]


def test_one_is_stopped_at_once(client, agent):
    response = stop(client, agent, confirmed="")
    assert words_of(response) == ["Stopping: Fix the cart."]
    assert status_of(agent) == Status.STOPPING


def test_more_than_one_are_asked_about_first(client, agent, alice):
    other = make_agent(alice, name="Other", status="working")
    response = stop(client, agent, other, confirmed="")
    assert "Stop 2 agents?" in response.content.decode()
    assert status_of(agent) == Status.IDLE
    assert words_of(stop(client, agent, other)) == ["Stopping: Other, Fix the cart."]
    assert status_of(other) == Status.STOPPING


def test_who_is_not_stopped_is_told_with_the_reason(client, agent, alice, bob, stopped_agent):
    shown = make_agent(bob, name="Looked at")
    services.share_agent(shown, alice, "view", by=bob)
    hidden = make_agent(bob, name="Secret")
    words = words_of(stop(client, agent, stopped_agent, shown, hidden, uuid4()))
    assert words == [
        "Stopping: Fix the cart.",
        "Not running: Done for today.",
        "Shared with you only to look at: Looked at.",
        "Not there any more: 2.",
    ]
    assert {status_of(shown), status_of(hidden)} == {Status.IDLE}


def test_page_that_asks_names_no_strangers_agent(client, agent, bob):
    hidden = make_agent(bob, name="Secret")
    assert "Secret" not in stop(client, agent, hidden, confirmed="").content.decode()


def test_shared_agent_is_stopped_by_who_may_act(client, alice, bob):
    shared = make_agent(bob)
    services.share_agent(shared, alice, "act", by=bob)
    stop(client, shared)
    assert status_of(shared) == Status.STOPPING


def test_stopping_again_is_quiet(client, agent):
    stop(client, agent)
    assert words_of(stop(client, agent)) == ["Stopping: Fix the cart."]


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([], "Choose the agents first."),
        (["x"], "That is no id."),
        (["\0"], "That is no id."),
        ([str(uuid4()) for _ in range(MAX_CHOSEN + 1)], "Choose at most 300."),
    ],
)
def test_wrong_choice_is_refused_in_words(client, ids, words):
    assert words_of(stop(client, *ids)) == [words]


def test_many_are_named_in_few_words(client, alice):
    agents = [make_agent(alice, name=f"a{number}") for number in range(13)]
    (words,) = words_of(stop(client, *agents))
    assert words.endswith("and 3 more.")


@pytest.mark.parametrize(
    ("back", "target"),
    [
        ("q=a+b&group=owner", "/?q=a+b&group=owner"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("state=nonsense", "/"),
    ],
)
def test_answer_leads_back_to_the_same_list(client, agent, back, target):
    response = client.post(PATH, {"agent": agent.pk, "back": back})
    assert response.url == target


def test_it_rejects_get_and_who_is_not_signed_in(client, agent):
    assert client.get(PATH).status_code == 405
    response = Client().post(PATH, {"agent": agent.pk})
    assert "/accounts/login/" in response.url
    assert status_of(agent) == Status.IDLE


def test_rows_offer_a_choice_only_of_who_may_be_stopped(client, agent, alice, bob):
    shown, shared = make_agent(bob), make_agent(bob)
    services.share_agent(shown, alice, "view", by=bob)
    services.share_agent(shared, alice, "act", by=bob)
    page = client.get("/").content.decode()
    assert f'id="select-{agent.pk}"' in page
    assert f'id="select-{shared.pk}"' in page
    assert f'id="select-{shown.pk}"' not in page
