import re
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.template import Context, Template
from django.urls import reverse

from agents.models import WorkspaceRoot
from metrics_app.budgets.alerts import give_alerts
from metrics_app.budgets.standing import read_standings
from metrics_app.models import Budget, BudgetTopUp
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


def sent_form(response, name):
    """What a browser would send of a form on the page."""
    form = response.context[name]
    return {field.html_name: str(field.value() or "") for field in form}


# The list


def test_it_lists_what_concerns_the_user(get, make_budget, alice, bob):
    make_budget(alice, limit_usd="10"), make_budget(bob), make_budget(period="day")
    text = get(alice).text
    assert "Monthly budget of alice" in text
    assert "Daily budget of all users together" in text
    assert "bob" not in text
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
    make_record(agent, cost_usd=None, is_unpriced=True)
    spend("12")
    text = get(alice).text
    assert "plus 1 unpriced call<" in text
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


def test_a_second_one_is_told(post, staff, make_budget):
    make_budget()
    response = post(staff, reverse("metrics_budget_create"), **new_budget())
    assert response.status_code == 422
    assert "There is a monthly budget of all users together already" in response.text
    assert Budget.objects.count() == 1


# The page of one


def test_its_page_shows_it(get, budget, alice):
    response = get(alice, budget.get_absolute_url())
    assert response.status_code == 200
    assert '<figure class="chart" data-chart="line">' in response.text
    assert response.text.count('<th scope="row">') == 30
    assert '<data value="0">$0.00</data>' in response.text
    assert "<button" not in response.text.partition("<main")[2]


def test_strangers_get_404(get, post, budget, charlie):
    assert get(charlie, budget.get_absolute_url()).status_code == 404
    for action in ACTIONS:
        assert post(charlie, url_of(budget, action)).status_code == 404


@pytest.mark.parametrize("key", [0, 999, 10**30])
def test_one_that_is_not_there_is_404(get, staff, key):
    assert get(staff, f"/metrics/budgets/{key}/").status_code == 404


def test_those_concerned_may_only_read(post, budget, alice):
    for action in ACTIONS:
        assert post(alice, url_of(budget, action), limit_usd="99").status_code == 403
    assert post(alice, reverse("metrics_budget_create"), **new_budget()).status_code == 403
    assert Budget.objects.get().limit_usd == 10


def test_staff_raise_the_limit(get, post, budget, staff):
    sent = sent_form(get(staff, budget.get_absolute_url()), "limit_form")
    response = post(staff, url_of(budget, "limit"), **sent | {"limit_usd": "12.50"})
    assert response.url == budget.get_absolute_url()
    text = get(staff, budget.get_absolute_url()).text
    assert "The limit is $12.50." in text
    assert "staff: Limit raised from $10.00 to $12.50." in text


@pytest.mark.parametrize("amount", WRONG_AMOUNTS)
def test_a_wrong_new_limit_is_told(post, budget, staff, amount):
    response = post(staff, url_of(budget, "limit"), limit_usd=amount, shown_usd="10")
    assert response.status_code == 422
    assert list(response.context["limit_form"].errors) == ["limit_usd"]
    assert Budget.objects.get().limit_usd == 10


def test_who_was_not_first_sees_the_new_limit_and_may_try_again(post, budget, staff):
    Budget.objects.update(limit_usd=20)
    response = post(staff, url_of(budget, "limit"), limit_usd="15", shown_usd="10")
    assert response.status_code == 422
    assert "Somebody has set the limit to $20.00 meanwhile." in response.text
    again = sent_form(response, "limit_form")
    assert post(staff, url_of(budget, "limit"), **again).status_code == 302
    assert Budget.objects.get().limit_usd == 15


def test_staff_top_it_up_and_a_form_sent_twice_counts_once(get, post, budget, staff):
    sent = sent_form(get(staff, budget.get_absolute_url()), "top_up_form")
    for _ in range(2):
        response = post(
            staff, url_of(budget, "top_up"), **sent | {"amount_usd": "5", "note": "the release"}
        )
        assert response.url == budget.get_absolute_url()
    assert BudgetTopUp.objects.get().amount_usd == 5
    text = get(staff, budget.get_absolute_url()).text
    assert "$5.00 for the period from 1 November 2026, by staff: the release" in text
    assert "$10.00, and $5.00 added for this period." in text


@pytest.mark.parametrize("amount", WRONG_AMOUNTS)
def test_a_wrong_top_up_is_told(post, budget, staff, amount):
    response = post(
        staff,
        url_of(budget, "top_up"),
        amount_usd=amount,
        period_start="2026-11-01",
        form_id=uuid4(),
    )
    assert response.status_code == 422
    assert list(response.context["top_up_form"].errors) == ["amount_usd"]
    assert not BudgetTopUp.objects.exists()


@pytest.mark.parametrize("hidden", [{"period_start": "x"}, {"form_id": "x"}, {"form_id": ""}])
def test_a_forged_top_up_is_refused(post, budget, staff, hidden):
    sent = {"amount_usd": "5", "period_start": "2026-11-01", "form_id": uuid4()} | hidden
    assert post(staff, url_of(budget, "top_up"), **sent).status_code == 422
    assert not BudgetTopUp.objects.exists()


def test_a_top_up_over_midnight_is_told(get, post, budget, staff, clock):
    sent = sent_form(get(staff, budget.get_absolute_url()), "top_up_form")
    clock(STARTED + timedelta(days=8))
    post(staff, url_of(budget, "top_up"), **sent | {"amount_usd": "5"})
    assert "That period is over" in get(staff, budget.get_absolute_url()).text
    assert not BudgetTopUp.objects.exists()


def test_switching_off_is_asked_for_first(get, post, budget, staff):
    asked = get(staff, url_of(budget, "switch_off"))
    assert "Switch off the monthly budget of alice?" in asked.text
    assert Budget.objects.get().is_active
    post(staff, url_of(budget, "switch_off"))
    assert not Budget.objects.get().is_active
    assert "switched off</span>" in get(staff, budget.get_absolute_url()).text
    post(staff, url_of(budget, "switch_on"))
    assert Budget.objects.get().is_active


def test_notes_and_names_are_escaped(get, make_budget, staff):
    budget = make_budget("/srv/<b>", note="<script>alert(1)</script>")
    for url in (reverse("metrics_budgets"), budget.get_absolute_url()):
        text = get(staff, url).text
        assert "<script>alert" not in text
        assert "<b>" not in text


def test_a_days_budget_burns_down_by_the_hour(get, make_budget, alice):
    response = get(alice, make_budget(alice, period="day").get_absolute_url())
    assert '<th scope="row">23:00</th>' in response.text


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
