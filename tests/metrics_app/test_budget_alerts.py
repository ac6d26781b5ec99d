from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from metrics_app.budgets.alerts import give_alerts, keep_budgets, read_notices
from metrics_app.budgets.standing import read_standings
from metrics_app.models import Budget, BudgetAlert, CostMail, CostMailPreference
from tests.metrics_app.conftest import STARTED

pytestmark = pytest.mark.django_db


def give(now=STARTED):
    budgets = list(Budget.objects.active())
    return [alert.threshold for alert in give_alerts(read_standings(budgets, now), now)]


@pytest.fixture
def spend(agent, make_record):
    def spend(cost, **fields):
        make_record(agent, cost_usd=Decimal(cost), **fields)

    return spend


def want_mails(*users):
    for user in users:
        CostMailPreference.objects.create(user=user, budget_alerts=True)


def test_each_threshold_is_said_once(make_budget, spend, django_assert_num_queries):
    make_budget()
    said = []
    for cost in ("4.99", "0.01", "1", "2", "1.99", "0.01", "5"):
        spend(cost)
        said.append(give())
    assert said == [[], [50], [], [80], [], [100], []]
    standings = read_standings(list(Budget.objects.all()), STARTED)
    with django_assert_num_queries(1):
        give_alerts(standings, STARTED)


def test_a_leap_says_all_it_passed(make_budget, spend):
    make_budget()
    spend("8.5")
    assert give() == [50, 80]
    alert = BudgetAlert.objects.first()
    assert (alert.threshold, alert.spent_usd, alert.limit_usd) == (80, Decimal("8.5"), 10)
    assert alert.period_start == date(2026, 11, 1)


def test_a_raised_limit_repeats_nothing(make_budget, spend):
    make_budget()
    spend("8")
    give()
    Budget.objects.update(limit_usd=16)
    assert give() == []
    spend("5")
    assert give() == []
    spend("3")
    assert give() == [100]


def test_a_lowered_limit_may_say_more(make_budget, spend):
    make_budget()
    spend("5")
    give()
    Budget.objects.update(limit_usd=5)
    assert give() == [80, 100]


def test_a_new_period_says_it_anew(make_budget, spend):
    make_budget()
    spend("5")
    give()
    december = datetime(2026, 12, 1, tzinfo=UTC)
    assert give(december) == []
    spend("5", started_at=december)
    assert give(december) == [50]


def test_what_is_switched_off_says_nothing(make_budget, spend, settings, tmp_path, clock):
    settings.CAM_DATA_DIR = tmp_path
    make_budget(is_active=False)
    spend("10")
    keep_budgets()
    assert not BudgetAlert.objects.exists()


def test_the_job_tells_the_gateway_and_the_people(make_budget, spend, settings, tmp_path, clock):
    settings.CAM_DATA_DIR = tmp_path
    make_budget()
    spend("5")
    keep_budgets()
    keep_budgets()
    assert (tmp_path / "gateway" / "budgets.json").exists()
    assert BudgetAlert.objects.get().threshold == 50


def test_of_two_bridges_one_says_it(make_budget, spend, alice):
    want_mails(alice)
    budgets = [make_budget()]
    spend("5")
    standings = read_standings(budgets, STARTED)
    assert len(give_alerts(standings, STARTED)) == 1
    late = datetime(2026, 12, 1, tzinfo=UTC)  # looks for alerts of another period
    assert give_alerts(standings, late) == []
    assert CostMail.objects.count() == 1


# Mails


def test_a_mail_goes_to_those_concerned_who_want_it(make_budget, spend, alice, bob, charlie):
    want_mails(alice, bob)
    make_budget(alice)
    spend("5")
    give()
    mail = CostMail.objects.get()
    assert (mail.user, mail.title) == (alice, "Budget of alice: 50 % used")
    assert mail.facts["period"] == "November 2026"
    assert mail.facts["spent_usd"] == "5.0000000000"
    assert mail.facts["path"] == Budget.objects.get().get_absolute_url()


def test_the_sites_budget_concerns_everybody_and_a_folders_its_owners(
    make_budget, spend, alice, bob
):
    want_mails(alice, bob)
    make_budget(), make_budget("/srv/code")
    spend("5")
    give()
    assert CostMail.objects.filter(user=alice).count() == 2
    assert CostMail.objects.filter(user=bob).count() == 1


def test_a_leap_is_one_mail_of_the_highest(make_budget, spend, alice):
    want_mails(alice)
    make_budget()
    spend("11")
    give()
    assert CostMail.objects.get().title.endswith("100 % used")


# What the pages show


def notices(user, now=STARTED):
    return [standing.budget for standing in read_notices(user, now)]


def test_notices_are_for_those_concerned(make_budget, make_agent, spend, alice, bob, staff):
    everyone, mine, folder = make_budget(), make_budget(alice), make_budget("/srv/code")
    spend("5")
    give()
    assert set(notices(alice)) == {everyone, mine, folder}
    assert notices(bob) == [everyone]
    assert notices(staff) == [everyone]


def test_a_notice_ends_when_it_is_no_longer_true(make_budget, spend, alice):
    make_budget(alice)
    spend("5")
    give()
    assert notices(alice, datetime(2026, 12, 1, tzinfo=UTC)) == []
    Budget.objects.update(limit_usd=100)
    assert notices(alice) == []
    Budget.objects.update(limit_usd=10, is_active=False)
    assert notices(alice) == []


def test_without_alerts_it_is_one_query(make_budget, alice, django_assert_num_queries):
    make_budget(alice)
    with django_assert_num_queries(1):
        assert notices(alice) == []
