from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction

from agents.models import Agent, WorkspaceRoot
from metrics_app.models import Budget, BudgetAlert, BudgetPeriod, BudgetTopUp
from metrics_app.ranges import DayRange

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": "everyone", "workspace": "/srv/code"},
        {"scope": "user"},
        {"scope": "user", "workspace": "/srv/code"},
        {"scope": "workspace"},
        {"scope": "nobody"},
    ],
)
def test_a_target_that_does_not_fit_the_scope_is_refused(fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        Budget.objects.create(period="month", limit_usd=1, **fields)


def test_a_user_besides_another_scope_is_refused(alice):
    for fields in ({"scope": "everyone"}, {"scope": "workspace", "workspace": "/srv/code"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Budget.objects.create(period="month", limit_usd=1, user=alice, **fields)


@pytest.mark.parametrize("limit", [Decimal(0), Decimal(-1)])
def test_a_limit_is_above_0(make_budget, limit):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_budget(limit_usd=limit)
    with pytest.raises(IntegrityError), transaction.atomic():
        BudgetTopUp.objects.create(
            budget=make_budget(), period_start=date(2026, 11, 1), amount_usd=limit
        )


def test_a_target_has_one_budget_for_a_kind_of_period(make_budget, alice):
    for target in (None, alice, "/srv/code"):
        make_budget(target, is_active=False)
        make_budget(target, period="day")
        with pytest.raises(IntegrityError), transaction.atomic():
            make_budget(target)


def test_staff_see_all_budgets(make_budget, alice, staff):
    make_budget(), make_budget(alice), make_budget("/srv/code")
    assert Budget.objects.visible_to(staff).count() == 3
    assert Budget.objects.concerning(staff).count() == 1


def test_a_user_sees_the_sites_the_own_and_those_of_folders_of_own_agents(
    make_budget, agent, alice, bob
):
    mine = [make_budget(), make_budget(alice), make_budget(agent.workspace)]
    make_budget(bob), make_budget("/srv"), make_budget("/srv/code/below")
    assert set(Budget.objects.visible_to(alice)) == set(mine)
    assert Budget.objects.visible_to(bob).count() == 2
    assert not Budget.objects.visible_to(AnonymousUser()).exists()


def test_the_folder_of_a_deleted_agent_is_nobodys(make_budget, agent, alice):
    budget = make_budget(agent.workspace)
    assert list(budget.concerned_users()) == [alice]
    Agent.objects.update(deleted_at="2026-11-23T18:00:00Z")
    assert not Budget.objects.visible_to(alice).exists()
    assert not budget.concerned_users().exists()


def test_a_folders_budget_outlives_its_root(make_budget, agent, alice):
    root = WorkspaceRoot.objects.create(path="/srv/code")
    budget = make_budget("/srv/code")
    root.delete()
    assert list(Budget.objects.visible_to(alice)) == [budget]


def test_those_concerned_are_those_who_are_found(make_budget, agent, alice, bob):
    for budget in (make_budget(), make_budget(alice), make_budget(agent.workspace)):
        for user in (alice, bob):
            is_concerned = budget in Budget.objects.concerning(user)
            assert (user in budget.concerned_users()) == is_concerned


def test_top_ups_and_alerts_are_seen_with_their_budget(make_budget, alice, bob):
    start = date(2026, 11, 1)
    budget = make_budget(alice)
    BudgetTopUp.objects.create(budget=budget, period_start=start, amount_usd=1)
    BudgetAlert.objects.create(
        budget=budget, period_start=start, threshold=50, spent_usd=5, limit_usd=10
    )
    for model in (BudgetTopUp, BudgetAlert):
        assert model.objects.visible_to(alice).count() == 1
        assert model.objects.visible_to(bob).count() == 0


def test_periods_are_those_of_utc():
    moment = datetime.fromisoformat("2026-12-01T00:30:00+02:00")
    assert BudgetPeriod.MONTH.days_at(moment) == DayRange.parse_month("2026-11")
    assert BudgetPeriod.DAY.days_at(moment) == DayRange.of_day(date(2026, 11, 30))
    midnight = datetime(2026, 12, 1, tzinfo=UTC)
    assert BudgetPeriod.MONTH.days_at(midnight) == DayRange.parse_month("2026-12")


def test_budgets_say_whose_they_are(make_budget, alice):
    assert str(make_budget()) == "monthly budget of all users together"
    assert str(make_budget(alice, period="day")) == "daily budget of alice"
    assert str(make_budget("/srv/a\n\u202eb")) == "monthly budget of /srv/a ⟨U+202E⟩b"


def test_the_budget_of_a_user_goes_with_the_user(make_budget, bob):
    make_budget(bob)
    bob.delete()
    assert not Budget.objects.exists()
