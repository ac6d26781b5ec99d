from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client):
    """Fetches the usage page as a user."""

    def get(user, **query):
        client.force_login(user)
        return client.get(reverse("metrics_home"), query)

    return get


@pytest.fixture
def spend(make_record):
    """Gives an agent a call of today."""
    return lambda agent, cost="0.5", **fields: make_record(
        agent, **({"started_at": timezone.now(), "cost_usd": Decimal(cost)} | fields)
    )


def test_it_shows_own_agents_and_their_cost(page, agent, alice, spend):
    spend(agent)
    response = page(alice)
    assert response.status_code == 200
    assert [row.name for row in response.context["agents"]] == ["fixer"]
    assert [card.totals.cost_usd for card in response.context["cards"]] == [Decimal("0.5")] * 3
    assert f'href="{agent.get_absolute_url()}"' in response.text
    assert "$0.5000" in response.text


def test_it_says_that_there_are_no_calls(page, alice):
    response = page(alice)
    assert "No calls in this period" in response.text
    assert "<table" not in response.text


def test_a_stranger_sees_nothing_of_it(page, agent, charlie, spend):
    spend(agent)
    response = page(charlie)
    assert response.context["agents"] == []
    assert "fixer" not in response.text


def test_asking_for_everyone_does_not_help_a_stranger(page, agent, charlie, spend):
    spend(agent)
    response = page(charlie, whose="everyone")
    assert "fixer" not in response.text
    assert "alice" not in response.text
    assert all(card.totals.calls == 0 for card in response.context["cards"])
    assert 'name="whose"' not in response.text


def test_staff_see_their_own_at_first(page, agent, staff, spend):
    spend(agent)
    response = page(staff)
    assert "fixer" not in response.text
    assert 'name="whose"' in response.text


def test_staff_may_see_everyones(page, agent, bob, staff, make_agent, spend):
    spend(agent, "1")
    spend(make_agent(bob, "writer"), "2")
    response = page(staff, whose="everyone")
    assert [row.username for row in response.context["users"]] == ["bob", "alice"]
    assert [row.name for row in response.context["agents"]] == ["writer", "fixer"]
    assert response.context["cards"][0].totals.cost_usd == 3
    assert agent.get_absolute_url() not in response.text


def test_the_period_filters_the_table(page, alice, make_agent, spend):
    spend(make_agent(alice, "new"))
    spend(make_agent(alice, "old"), "0.1", started_at=timezone.now() - timedelta(days=40))
    names = {
        period: [row.name for row in page(alice, period=period).context["agents"]]
        for period in ("today", "7d", "month", "all")
    }
    assert names == {"today": ["new"], "7d": ["new"], "month": ["new"], "all": ["new", "old"]}


def test_the_form_shows_what_is_chosen(page, alice):
    assert '<option value="7d" selected>' in page(alice, period="7d").text
    assert '<option value="month" selected>' in page(alice).text


@pytest.mark.parametrize("query", [{"period": "x" * 500}, {"period": ""}, {"period": "\0"}])
def test_a_wrong_period_is_told_and_shows_this_month(page, agent, alice, spend, query):
    spend(agent)
    response = page(alice, **query)
    assert response.status_code == 200
    assert "errorlist" in response.text
    assert [row.name for row in response.context["agents"]] == ["fixer"]


def test_a_wrong_scope_shows_ones_own(page, agent, staff, spend):
    spend(agent)
    response = page(staff, whose="nobody")
    assert response.status_code == 200
    assert "fixer" not in response.text


def test_a_deleted_agent_stays_in_the_table_without_a_link(page, alice, make_agent, spend):
    agent = make_agent(alice, deleted_at=timezone.now())
    spend(agent)
    text = page(alice).text
    assert "(deleted)" in text
    assert agent.get_absolute_url() not in text


def test_names_are_escaped(page, alice, make_agent, spend):
    spend(make_agent(alice, "<script>alert(1)</script>"))
    assert "<script>alert" not in page(alice).text


def test_many_agents_are_paged_and_the_filter_stays(page, alice, make_agent, spend, monkeypatch):
    monkeypatch.setattr("metrics_app.views.home.ROWS_PER_PAGE", 2)
    for number in range(3):
        spend(make_agent(alice, f"agent {number}"))
    first = page(alice, period="7d")
    assert len(first.context["agents"]) == 2
    assert 'rel="next" href="?period=7d&amp;page=2"' in first.text
    assert len(page(alice, period="7d", page="2").context["agents"]) == 1
    assert page(alice, page="banana").status_code == 200


def test_queries_do_not_grow_with_agents(
    page, client, alice, make_agent, spend, django_assert_num_queries
):
    for number in range(6):
        spend(make_agent(alice, f"agent {number}"))
    client.force_login(alice)
    # Session and user, alerts of budgets, three cards, three for the indicators, the agents and how many they are.
    with django_assert_num_queries(11):
        client.get(reverse("metrics_home"))


def test_it_tells_how_the_calls_of_the_period_went(page, agent, alice, spend):
    spend(agent, input_tokens=200, cache_read_tokens=800, first_byte_ms=40.0, total_ms=1500.0)
    spend(agent, status=529, complete=False, model="", input_tokens=0, total_ms=9.0)
    old = {"started_at": timezone.now() - timedelta(days=10), "input_tokens": 10**6}
    spend(agent, **old)
    text = page(alice, period="7d").text
    assert "80.0%" in text
    assert "too many requests (429) 0.0%, overloaded (529) 50.0%" in text
    assert "40 ms" in text
    assert "1.50 s" in text


def test_without_calls_there_is_nothing_to_tell(page, alice):
    assert page(alice).text.count('<p class="card-value">n/a</p>') == 5


def test_it_links_the_reports(page, alice):
    assert f'href="{reverse("metrics_reports")}"' in page(alice).text


def test_it_asks_for_login(client):
    response = client.get(reverse("metrics_home"))
    assert response.status_code == 302
    assert reverse("account_login") in response.url


def test_it_rejects_post(client, alice):
    client.force_login(alice)
    assert client.post(reverse("metrics_home")).status_code == 405
