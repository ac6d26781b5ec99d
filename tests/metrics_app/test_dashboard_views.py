import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings as site
from django.urls import reverse
from django.utils import timezone

pytestmark = pytest.mark.django_db

FIGURES = {"HX-Request": "true", "HX-Target": "figures"}
FILTERS = {"HX-Request": "true", "HX-Target": "dashboard"}


@pytest.fixture
def page(client):
    """Fetches the dashboard as a user."""

    def get(user, headers=None, /, **query):
        client.force_login(user)
        return client.get(reverse("metrics_home"), query, headers=headers)

    return get


@pytest.fixture
def spend(make_record):
    """Gives an agent a call of now."""
    return lambda agent, cost="0.5", **fields: make_record(
        agent, **({"started_at": timezone.now(), "cost_usd": Decimal(cost)} | fields)
    )


@pytest.fixture
def _same_minute(monkeypatch):
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)


def version_of(response):
    return response.context["version"]


def test_it_shows_own_agents_and_their_cost(page, agent, alice, spend):
    spend(agent)
    response = page(alice)
    assert response.status_code == 200
    assert response.text.count("$0.5000") >= 5
    assert f'href="{agent.get_absolute_url()}"' in response.text


def test_it_says_that_there_are_no_calls(page, alice):
    text = page(alice).text
    assert "No calls yet in this range" in text
    assert "<figure" not in text
    assert "n/a against yesterday" in text


def test_it_says_that_no_calls_match_and_offers_a_way_out(page, agent, alice, spend):
    spend(agent, started_at=timezone.now() - timedelta(days=3))
    text = page(alice, range="today").text
    assert "No calls match these filters" in text
    assert '<a href="/metrics/" hx-get="/metrics/">Clear all filters</a>' in text


@pytest.mark.parametrize(
    "query", [{}, {"user": "alice"}, {"workspace": "/srv/code"}, {"by": "user"}]
)
def test_a_stranger_sees_nothing_of_it_not_even_names(page, agent, charlie, spend, query):
    spend(agent, model="claude-secret-1")
    text = page(charlie, **query).text
    shown = text.replace('value="/srv/code"', "")
    for name in ("fixer", "alice", "/srv/code", "claude-secret-1", str(agent.pk), "$0.5"):
        assert name not in shown


def test_a_strangers_guess_at_an_agent_shows_nothing(page, agent, charlie, spend):
    spend(agent)
    text = page(charlie, agent=str(agent.pk)).text
    assert "There is no such agent." in text
    assert "fixer" not in text


def test_staff_see_everyone_at_first_and_may_choose(page, agent, bob, staff, make_agent, spend):
    spend(agent, "1")
    spend(make_agent(bob, "writer"), "2")
    assert page(staff).context["dashboard"].total.cost_usd == 3
    chosen = page(staff, user="bob")
    assert chosen.context["dashboard"].total.cost_usd == 2
    assert '<option value="bob" selected>' in chosen.text
    assert "User: bob" in chosen.text


@pytest.mark.parametrize(
    "query",
    [{"range": "x" * 500}, {"from": "\0"}, {"agent": "x"}, {"unit": "hour"}, {"by": "x"}],
)
def test_a_wrong_value_is_told_and_the_rest_is_shown(page, agent, alice, spend, query):
    spend(agent)
    response = page(alice, **query)
    assert response.status_code == 200
    assert response.text.count("errorlist") == 1
    assert response.context["dashboard"].total.calls == 1


def test_a_deleted_agent_stays_without_a_link(page, alice, make_agent, spend):
    agent = make_agent(alice, deleted_at=timezone.now())
    spend(agent)
    text = page(alice).text
    assert ", deleted" in text
    assert agent.get_absolute_url() not in text


def test_names_are_escaped(page, alice, make_agent, spend):
    spend(make_agent(alice, "<script>alert(1)</script>"), model="<b>model</b>")
    text = page(alice).text
    assert "<script>alert" not in text
    assert "<b>model" not in text


def test_charts_are_tables_that_the_script_can_read(page, agent, alice, spend):
    spend(agent, "0.25")
    text = page(alice).text
    assert re.search(r'<figure class="chart" id="chart-spending" data-chart="stacked"', text)
    assert '<th scope="col" class="number" data-series="1" title="claude-opus-5-5">' in text
    assert '<data value="0.25">$0.2500</data>' in text
    assert "<details" in text
    assert " style=" not in text


def test_the_switches_link_the_other_series_and_units(page, agent, alice, spend):
    spend(agent)
    text = page(alice, range="7d").text
    assert 'href="/metrics/?range=7d&amp;by=tokens"' in text
    assert 'href="/metrics/?range=7d&amp;unit=hour"' in text
    assert "by=user" not in text


def test_it_links_the_report_of_the_same_days(page, agent, alice, spend):
    spend(agent)
    text = page(alice, **{"from": "2020-01-01"}).text
    assert f'href="{reverse("metrics_reports")}?by=agent&amp;user=&amp;from=2020-01-01' in text


def test_all_time_links_the_report_of_all_time(page, agent, alice, spend):
    spend(agent, started_at=timezone.now() - timedelta(days=100))
    response = page(alice, range="all")
    first = f"{timezone.now() - timedelta(days=100):%Y-%m-%d}"
    assert f"?by=agent&amp;user=&amp;from={first}&amp;to=" in response.text


def test_all_time_of_a_few_days_links_no_unit_that_is_refused(page, agent, alice, spend):
    spend(agent, started_at=timezone.now() - timedelta(days=2))
    assert "unit=hour" not in page(alice, range="all").text


def test_a_cost_that_nobody_knows_is_never_told_as_0(page, agent, alice, spend):
    session = agent.sessions.create(number=1)
    spend(agent, cost_usd=None, is_unpriced=True, session=session)
    top = page(alice).text.partition('id="top-heading"')[2]
    assert top.count("cost unknown") == 3
    assert "1 of unknown cost" in top
    assert "$0.00" not in top
    assert "of the cost" not in top


def test_htmx_gets_the_dashboard_alone_and_its_url(page, agent, alice, spend):
    spend(agent)
    response = page(alice, FILTERS, range="7d", workspace="", junk="1")
    assert response.headers["HX-Push-Url"] == "/metrics/?range=7d"
    assert response.text.lstrip().startswith('<div id="dashboard"')
    assert "<html" not in response.text


def test_a_fragment_is_not_taken_for_the_page(page, alice):
    assert "HX-Request" in page(alice, FILTERS).headers["Vary"]


def test_going_back_gets_the_whole_page(page, alice):
    text = page(alice, FILTERS | {"HX-History-Restore-Request": "true"}).text
    assert "<html" in text


def test_a_refresh_gets_the_figures_alone(page, agent, alice, spend):
    spend(agent)
    response = page(alice, FIGURES, version="old")
    assert response.text.lstrip().startswith('<div id="figures"')
    assert "<form" not in response.text
    assert "HX-Push-Url" not in response.headers


@pytest.mark.usefixtures("_same_minute")
def test_a_refresh_without_news_is_empty_and_cheap(
    page, client, agent, alice, spend, django_assert_num_queries
):
    spend(agent)
    version = version_of(page(alice))
    # Session and user, two for the version.
    with django_assert_num_queries(4):
        response = client.get("/metrics/", {"version": version}, headers=FIGURES)
    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.usefixtures("_same_minute")
def test_a_call_is_news(page, agent, alice, spend):
    version = version_of(page(alice))
    spend(agent)
    assert page(alice, FIGURES, version=version).status_code == 200


def test_queries_do_not_grow_with_agents(
    client, alice, make_agent, spend, django_assert_num_queries
):
    for number in range(6):
        agent = make_agent(alice, f"agent {number}")
        spend(agent, session=agent.sessions.create(number=1))
    client.force_login(alice)
    # Session and user, three for the choices, two for the version, the dashboard's ten, two of budgets.
    with django_assert_num_queries(19):
        client.get(reverse("metrics_home"))


def test_it_brings_the_chart_library_from_this_site(page, alice):
    scripts = re.findall(r'<script src="([^"]+)"', page(alice).text)
    assert "/static/vendor/chart.js/chart.umd.min.js" in scripts
    vendored = site.BASE_DIR / "cam_site/static/vendor/chart.js"
    assert (vendored / "LICENSE.md").exists()
    source = (vendored / "chart.umd.min.js").read_text()
    assert "sourceMappingURL" not in source
    assert source.split("*/")[0].count("v4.6.1") == 1


def test_it_asks_for_login(client):
    response = client.get(reverse("metrics_home"))
    assert response.status_code == 302
    assert reverse("account_login") in response.url


def test_a_refresh_after_the_login_has_ended_is_told_so(client):
    assert client.get(reverse("metrics_home"), headers=FIGURES).status_code == 401


def test_it_rejects_post(client, alice):
    client.force_login(alice)
    assert client.post(reverse("metrics_home")).status_code == 405
