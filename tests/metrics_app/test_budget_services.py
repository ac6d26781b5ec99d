import json
from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied

from metrics_app.budgets import services
from metrics_app.budgets.errors import BudgetExists, LimitChanged, PeriodOver
from metrics_app.budgets.history import read_changes
from metrics_app.budgets.publishing import budgets_path
from metrics_app.models import Budget, BudgetPeriod, BudgetTopUp, Scope

pytestmark = pytest.mark.django_db

NOVEMBER = date(2026, 11, 1)


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path, clock):
    settings.CAM_DATA_DIR = tmp_path


@pytest.fixture
def budget(make_budget, alice):
    return make_budget(alice)


def create(by, **fields):
    defaults = {"scope": Scope.EVERYONE, "period": BudgetPeriod.MONTH, "limit_usd": Decimal(5)}
    return services.create_budget(by=by, **(defaults | fields))


def top_up(budget, by, amount="2.5", form_id=None, period_start=NOVEMBER):
    return services.top_up(
        budget, Decimal(amount), period_start=period_start, form_id=form_id or uuid4(), by=by
    )


def changes(budget):
    return [(entry.user.username, entry.get_change_message()) for entry in read_changes(budget)]


def test_a_budget_is_created_and_logged(staff, alice):
    budget = create(staff, scope=Scope.USER, user=alice, note="Agreed.")
    assert (budget.user, budget.limit_usd, budget.is_active) == (alice, 5, True)
    assert changes(budget) == [("staff", "Created with a limit of $5.00.")]


@pytest.mark.parametrize("is_active", [True, False])
def test_a_second_one_is_refused_and_the_first_named(staff, make_budget, is_active):
    first = make_budget(is_active=is_active)
    with pytest.raises(BudgetExists, match="monthly budget of all users together") as caught:
        create(staff)
    assert caught.value.budget == first
    assert ("switched off" in str(caught.value)) == (not is_active)
    assert changes(first) == []


def test_a_limit_is_raised_and_the_log_says_from_what_to_what(budget, staff):
    assert services.set_limit(budget, Decimal("12.5"), shown_usd=Decimal(10), by=staff)
    assert services.set_limit(budget, Decimal(8), shown_usd=Decimal("12.5"), by=staff)
    assert changes(budget) == [
        ("staff", "Limit lowered from $12.50 to $8.00."),
        ("staff", "Limit raised from $10.00 to $12.50."),
    ]


def test_raising_twice_is_quiet(budget, staff):
    for expected in (True, False):
        found = services.set_limit(budget, Decimal(12), shown_usd=Decimal(10), by=staff)
        assert found is expected
    assert len(changes(budget)) == 1


def test_a_limit_that_somebody_else_changed_is_not_overwritten(budget, staff):
    services.set_limit(Budget.objects.get(), Decimal(20), shown_usd=Decimal(10), by=staff)
    with pytest.raises(LimitChanged, match=r"\$20\.00"):
        services.set_limit(budget, Decimal(12), shown_usd=Decimal(10), by=staff)
    assert budget.limit_usd == 20


def test_top_ups_add_up(budget, staff, make_budget):
    assert top_up(budget, staff, "2.5")
    assert top_up(budget, staff, "2.5")
    assert sum(BudgetTopUp.objects.values_list("amount_usd", flat=True)) == 5
    assert changes(budget)[0] == ("staff", "Topped up by $2.50 for November 2026.")


def test_a_form_that_is_sent_twice_tops_up_once(budget, staff):
    form_id = uuid4()
    assert top_up(budget, staff, form_id=form_id)
    assert not top_up(budget, staff, form_id=form_id)
    assert BudgetTopUp.objects.get().by == staff
    assert len(changes(budget)) == 1


@pytest.mark.parametrize("start", [date(2026, 10, 1), date(2026, 12, 1), date(2026, 11, 23)])
def test_a_period_that_is_over_is_not_topped_up(budget, staff, start):
    with pytest.raises(PeriodOver):
        top_up(budget, staff, period_start=start)
    assert not BudgetTopUp.objects.exists()


def test_a_budget_is_switched_off_and_on(budget, staff):
    assert services.switch_budget(budget, is_active=False, by=staff)
    assert not services.switch_budget(budget, is_active=False, by=staff)
    assert not Budget.objects.active().exists()
    assert services.switch_budget(budget, is_active=True, by=staff)
    assert [text for _, text in changes(budget)] == ["Switched on.", "Switched off."]


def test_users_change_nothing(budget, alice, staff):
    staff.is_active = False
    for user in (alice, staff):
        for act in (
            lambda by: create(by),
            lambda by: services.set_limit(budget, Decimal(12), shown_usd=Decimal(10), by=by),
            lambda by: top_up(budget, by),
            lambda by: services.switch_budget(budget, is_active=False, by=by),
        ):
            with pytest.raises(PermissionDenied):
                act(user)
    assert not BudgetTopUp.objects.exists()
    assert Budget.objects.active().get().limit_usd == 10


def test_each_change_is_published_at_once(staff, django_capture_on_commit_callbacks):
    def limits():
        return [found["limit_usd"] for found in json.loads(budgets_path().read_text())["budgets"]]

    with django_capture_on_commit_callbacks(execute=True):
        budget = create(staff)
        assert not budgets_path().exists()
    assert limits() == ["5"]
    with django_capture_on_commit_callbacks(execute=True):
        services.set_limit(budget, Decimal("7.5"), shown_usd=Decimal(5), by=staff)
    assert limits() == ["7.5"]
    with django_capture_on_commit_callbacks(execute=True):
        top_up(budget, staff, "0.25")
    assert limits() == ["7.75"]
    with django_capture_on_commit_callbacks(execute=True):
        services.switch_budget(budget, is_active=False, by=staff)
    assert limits() == []


def test_a_file_that_cannot_be_written_does_not_undo_the_change(
    staff, settings, tmp_path, django_capture_on_commit_callbacks, caplog
):
    (tmp_path / "file").write_text("")
    settings.CAM_DATA_DIR = tmp_path / "file"
    with django_capture_on_commit_callbacks(execute=True):
        create(staff)
    assert Budget.objects.exists()
    assert "publish_budgets" in caplog.text
