import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.template import Context, Template
from django.urls import reverse

from agents.models import WorkspaceRoot
from metrics_app.budgets.alerts import give_alerts
from metrics_app.budgets.standing import read_standings
from metrics_app.models import Budget
from tests.metrics_app.conftest import STARTED

pytestmark = pytest.mark.django_db

ACTIONS = ("limit", "top_up", "switch_off", "switch_on")
WRONG_AMOUNTS = ["", "NaN", "1e5", "-1", "0", "12,5", "9" * 20, "0.00001", "x\0"]


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path, clock):
    settings.CAM_DATA_DIR = tmp_path


@pytest.fixture
def budget(make_budget, alice):
    return make_budget(alice)


@pytest.fixture
def spend(agent, make_record):
    def spend(cost, **fields):
        make_record(agent, cost_usd=Decimal(cost), **fields)

    return spend


@pytest.fixture
def get(client):
    def get(user, url=""):
        client.force_login(user)
        return client.get(url or reverse("metrics_budgets"))

    return get


@pytest.fixture
def post(client):
    def post(user, url, **data):
        client.force_login(user)
        return client.post(url, data)

    return post


def url_of(budget, action):
    return reverse(f"metrics_budget_{action}", args=[budget.pk])


def new_budget(**fields):
    return {"target": "everyone", "period": "month", "limit_usd": "25", "note": ""} | fields


# The list


def test_it_lists_what_concerns_the_user(get, make_budget, alice, bob):
    make_budget(alice, limit_usd="10"), make_budget(bob), make_budget(period="day")
    text = get(alice).text
    assert "Monthly budget of alice" in text
    assert "Daily budget of all users together" in text
    assert "of bob" not in text
    assert "New budget" not in text


def test_a_stranger_has_none(get, budget, charlie):
    text = get(charlie).text
    assert "No budget concerns you" in text
    assert "alice" not in text


def test_staff_see_all_and_a_form(get, budget, staff):
    text = get(staff).text
    assert "Monthly budget of alice" in text
    assert "New budget" in text


def test_it_shows_how_a_budget_stands(get, budget, spend, alice):
    for days in range(1, 8):
        spend("1", started_at=STARTED - timedelta(days=days))
    spend("0.5", started_at=STARTED)
    text = re.sub(r"<[^>]+>|\s+", " ", get(alice).text)
    text = re.sub(r" +", " ", text)
    assert "$7.5000 of $10.00 (75&nbsp;%)" in text
    assert "Left $2.5000" in text
    assert "Starts anew 1 Dec 00:00 UTC" in text
    assert "Forecast $14.79" in text
    assert "over the limit 26 Nov 05:00 UTC" in text
    assert 'width="75"' in get(alice).text


def test_it_says_what_is_missing(get, budget, spend, agent, make_record, alice):
    unused = {"input_tokens": 0, "output_tokens": 0}
    make_record(agent, model="nobody-knows", cost_usd=None, is_unpriced=True, **unused)
    spend("12")
    text = get(alice).text
    assert "$0.00 of it assumed for 1 unpriced call<" in text
    assert "needs 3 days of data" in text
    assert "nothing</strong>, $2.0000 over" in text
    assert 'width="100" height="8"/><path' in text


def test_switched_off_ones_come_last(get, make_budget, staff, alice):
    make_budget(is_active=False)
    make_budget(alice)
    standings = get(staff).context["standings"]
    assert [standing.budget.is_active for standing in standings] == [True, False]


def test_queries_do_not_grow_with_budgets(
    make_budget, alice, bob, charlie, staff, client, django_assert_num_queries
):
    for user in (alice, bob, charlie):
        make_budget(user), make_budget(f"/srv/{user}")
    client.force_login(staff)
    # Session, user, notices; budgets, top-ups, sums of two kinds; users, agents, roots.
    with django_assert_num_queries(10):
        client.get(reverse("metrics_budgets"))


# Making one


@pytest.mark.parametrize("target", ["everyone", "user", "workspace"])
def test_staff_create_one(post, staff, agent, alice, target):
    key = {"everyone": "everyone", "user": f"user:{alice.pk}", "workspace": "workspace:/srv/code"}
    response = post(staff, reverse("metrics_budget_create"), **new_budget(target=key[target]))
    budget = Budget.objects.get()
    assert response.url == budget.get_absolute_url()
    assert (budget.scope, budget.limit_usd) == (target, 25)
    assert (budget.user, budget.workspace) == {
        "everyone": (None, ""),
        "user": (alice, ""),
        "workspace": (None, "/srv/code"),
    }[target]


def test_folders_to_choose_are_those_of_agents_and_roots(get, staff, agent):
    WorkspaceRoot.objects.create(path="/srv")
    WorkspaceRoot.objects.create(path="/" + "x" * 700)
    text = get(staff).text
    assert 'value="workspace:/srv"' in text
    assert 'value="workspace:/srv/code"' in text
    assert "xxx" not in text


@pytest.mark.parametrize("amount", WRONG_AMOUNTS)
def test_a_wrong_limit_is_told_next_to_it(post, staff, amount):
    response = post(staff, reverse("metrics_budget_create"), **new_budget(limit_usd=amount))
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["limit_usd"]
    assert "errorlist" in response.text
    assert not Budget.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"target": ""},
        {"target": "user:999"},
        {"target": "user:"},
        {"target": "workspace:/nowhere"},
        {"target": "everyone\0"},
        {"period": "year"},
        {"note": "x" * 501},
    ],
)
def test_a_wrong_target_period_or_note_is_told(post, staff, fields):
    response = post(staff, reverse("metrics_budget_create"), **new_budget(**fields))
    assert response.status_code == 422
    assert list(response.context["form"].errors) == list(fields)
    assert not Budget.objects.exists()


def test_users_create_none(post, alice):
    assert post(alice, reverse("metrics_budget_create"), **new_budget()).status_code == 403
    assert not Budget.objects.exists()


def test_a_second_one_is_told(post, staff, make_budget):
    make_budget()
    response = post(staff, reverse("metrics_budget_create"), **new_budget())
    assert response.status_code == 422
    assert "There is a monthly budget of all users together already" in response.text
    assert Budget.objects.count() == 1


# On other pages


def test_alerts_are_shown_on_the_pages_of_costs(get, budget, spend, alice, bob):
    spend("8")
    give_alerts(read_standings([budget], STARTED), STARTED)
    for page in ("metrics_home", "metrics_reports", "metrics_budgets"):
        assert 'class="message warning"' in get(alice, reverse(page)).text
        assert 'class="message ' not in get(bob, reverse(page)).text
    spend("2")
    assert "is used up" in get(alice, reverse("metrics_reports")).text


def test_the_bars_show_the_most_used_first(make_budget, make_agent, make_record, alice, bob, staff):
    for user, cost in ((alice, 2), (bob, 5)):
        make_record(make_agent(user), cost_usd=Decimal(cost))
        make_budget(user)
    for number in range(6):
        make_budget(f"/srv/{number}")
    page = Template("{% load budgets %}{% budget_bars user %}").render(Context({"user": staff}))
    assert page.index("budget of bob") < page.index("budget of alice")
    assert page.count("<li") == 6
    assert "2 more budgets" in page


def test_without_budgets_there_are_no_bars(alice):
    page = Template("{% load budgets %}{% budget_bars user %}").render(Context({"user": alice}))
    assert page.strip() == ""


# Rules


def test_it_asks_for_login(client, budget):
    for url in (reverse("metrics_budgets"), budget.get_absolute_url()):
        assert reverse("account_login") in client.get(url).url
    for url in (reverse("metrics_budget_create"), *(url_of(budget, name) for name in ACTIONS)):
        assert reverse("account_login") in client.post(url).url


def test_it_rejects_other_methods(client, budget, staff):
    client.force_login(staff)
    for url in (reverse("metrics_budgets"), budget.get_absolute_url()):
        assert client.post(url).status_code == 405
    for url in (
        reverse("metrics_budget_create"),
        *(url_of(budget, name) for name in ("limit", "top_up", "switch_on")),
    ):
        assert client.get(url).status_code == 405
