from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse

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
def get(client):
    def get(user, url):
        client.force_login(user)
        return client.get(url)

    return get


@pytest.fixture
def post(client):
    def post(user, url, **data):
        client.force_login(user)
        return client.post(url, data)

    return post


def url_of(budget, action):
    return reverse(f"metrics_budget_{action}", args=[budget.pk])


def sent_form(response, name):
    """What a browser would send of a form on the page."""
    form = response.context[name]
    return {field.html_name: str(field.value() or "") for field in form}


def test_its_page_shows_it(get, budget, alice):
    response = get(alice, budget.get_absolute_url())
    assert response.status_code == 200
    assert 'data-chart="line" data-measure="usd"' in response.text
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
