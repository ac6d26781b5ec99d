import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from agents.policies import policy_path, write_policy
from metrics_app.budgets.publishing import budgets_path, publish_budgets
from metrics_app.gateway.budgets import parse_budgets
from metrics_app.gateway.policy import parse_policy
from metrics_app.ingest import ingest_spool
from metrics_app.models import Budget, BudgetTopUp, PriceOverride, SpoolCheckpoint
from tests.metrics_app.conftest import OPUS, STARTED

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path, clock):
    settings.CAM_DATA_DIR = tmp_path
    settings.CAM_PUBLIC_URL = "https://cam.example.org"


def publish():
    publish_budgets()
    return json.loads(budgets_path().read_text())


def message():
    publish_budgets()
    return json.loads(budgets_path().read_text())["budgets"][0]["message"]


def test_without_a_budget_ever_there_is_no_file(tmp_path, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert publish_budgets() == []
    assert list(tmp_path.iterdir()) == []


def test_the_file_says_all_that_the_gateway_needs(make_budget, agent, alice, make_record, settings):
    settings.CAM_MODELS = [OPUS]
    make_record(agent, cost_usd=Decimal("1.50"))
    mine = make_budget(alice, limit_usd="10.5")
    folder = make_budget("/srv/code", period="day")
    SpoolCheckpoint.objects.create(
        node=settings.CAM_NODE_NAME, name="usage-1.jsonl", identity="1:2", offset=123
    )
    SpoolCheckpoint.objects.create(node="another", name="usage-9.jsonl", identity="1:3", offset=9)
    file = publish()
    assert datetime.fromisoformat(file.pop("written_at")) == STARTED
    messages = [found.pop("message") for found in file["budgets"]]
    assert all(isinstance(text, str) and text for text in messages)
    assert file == {
        "version": 1,
        "hold_usd": "0.05",
        "ingested": {"usage-1.jsonl": 123},
        "rates": {
            OPUS: {
                "input": "4",
                "cache_write_5m": "5",
                "cache_write_1h": "8",
                "cache_read": "0.2",
                "output": "20",
            }
        },
        "budgets": [
            {
                "id": mine.pk,
                "scope": "user",
                "user_id": alice.pk,
                "workspace": None,
                "limit_usd": "10.5",
                "spent_usd": "1.5",
                "starts_at": "2026-11-01T00:00:00+00:00",
                "resets_at": "2026-12-01T00:00:00+00:00",
            },
            {
                "id": folder.pk,
                "scope": "workspace",
                "user_id": None,
                "workspace": "/srv/code",
                "limit_usd": "10",
                "spent_usd": "1.5",
                "starts_at": "2026-11-23T00:00:00+00:00",
                "resets_at": "2026-11-24T00:00:00+00:00",
            },
        ],
    }


def test_it_is_written_only_when_it_changes(make_budget, agent, make_record, clock):
    make_budget()
    publish()
    first = budgets_path().stat()
    clock(STARTED + timedelta(seconds=1))
    publish()
    assert budgets_path().stat() == first
    make_record(agent)
    assert publish()["written_at"].startswith("2026-11-23T17:00:01")
    assert budgets_path().stat().st_ino != first.st_ino


def test_nothing_is_left_beside_it(make_budget):
    make_budget()
    publish()
    assert {path.name for path in budgets_path().parent.iterdir()} == {
        "budgets.json",
        "budgets.lock",
    }


@pytest.mark.parametrize("broken", [b"", b"[]", b"{", b"\xff\xfe", b"null"])
def test_a_broken_file_is_written_anew(make_budget, broken):
    make_budget()
    publish()
    budgets_path().write_bytes(broken)
    assert len(publish()["budgets"]) == 1


def test_when_the_last_budget_goes_the_list_is_empty(make_budget):
    make_budget()
    publish()
    Budget.objects.update(is_active=False)
    assert publish()["budgets"] == []
    Budget.objects.all().delete()
    assert publish()["budgets"] == []


def test_the_limit_contains_top_ups_of_this_period_only(make_budget):
    budget = make_budget()
    for start, amount in (("2026-11-01", "0.5"), ("2026-10-01", "5")):
        BudgetTopUp.objects.create(budget=budget, period_start=start, amount_usd=Decimal(amount))
    assert publish()["budgets"][0]["limit_usd"] == "10.5"


def test_a_new_period_begins_with_nothing_spent(make_budget, agent, make_record, clock):
    make_record(agent)
    make_budget()
    assert publish()["budgets"][0]["spent_usd"] == "0.00914"
    clock(datetime(2026, 12, 1, tzinfo=UTC))
    (found,) = publish()["budgets"]
    assert (found["spent_usd"], found["resets_at"]) == ("0", "2027-01-01T00:00:00+00:00")


def test_sums_contain_the_bytes_that_are_called_ingested(
    make_budget, agent, spool, make_line, settings
):
    make_budget()
    path = spool(make_line(agent.pk))
    ingest_spool()
    file = publish()
    assert file["ingested"] == {path.name: path.stat().st_size}
    assert file["budgets"][0]["spent_usd"] == "0.00914"


def test_checkpoints_are_read_before_sums(make_budget, django_assert_num_queries):
    make_budget()
    publish()
    with django_assert_num_queries(7) as queries:
        publish_budgets()
    tables = [query["sql"] for query in queries]
    checkpoints = next(i for i, sql in enumerate(tables) if "spoolcheckpoint" in sql)
    sums = next(i for i, sql in enumerate(tables) if "SUM(" in sql)
    assert checkpoints < sums


def test_rates_are_those_of_the_sites_models_and_of_those_seen_this_month(
    make_budget, agent, make_record, settings
):
    settings.CAM_MODELS = [OPUS]
    make_budget()
    make_record(agent, model="claude-sonnet-5-5")
    make_record(agent, model="claude-nobody-9", cost_usd=None, is_unpriced=True)
    make_record(agent, model="", requested_model="claude-haiku-4-5", status=404)
    make_record(agent, model="claude-haiku-4-5", started_at=STARTED - timedelta(days=40))
    assert sorted(publish()["rates"]) == [OPUS, "claude-sonnet-5-5"]


def test_the_sites_own_prices_go_first(make_budget, settings):
    settings.CAM_MODELS = ["claude-house-1"]
    make_budget()
    kinds = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
    PriceOverride.objects.create(
        pattern="claude-house-*",
        starts_at=STARTED,
        multiplier=Decimal("0.5"),
        **{f"{kind}_price": Decimal(3) for kind in kinds},
    )
    assert publish()["rates"] == {"claude-house-1": dict.fromkeys(kinds, "1.5")}


def test_the_message_says_whose_how_much_when_and_who(make_budget, alice, staff):
    budget = make_budget(alice, limit_usd="12.5")
    assert message() == (
        "The monthly budget of alice, $12.50, is used up. "
        "It starts anew on 1 December 2026 at 00:00 UTC. "
        f"It can be raised by staff at https://cam.example.org/metrics/budgets/{budget.pk}/"
    )


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], "an administrator"),
        (["anna"], "anna"),
        (["ben", "anna"], "anna or ben"),
        (["dora", "carl", "ben", "anna"], "anna, ben or carl"),
    ],
)
def test_at_most_3_who_can_raise_it_are_named(make_budget, names, text):
    make_budget()
    User.objects.create_user("gone", is_staff=True, is_active=False)
    for name in names:
        User.objects.create_user(name, is_staff=True)
    assert f"It can be raised by {text} at " in message()


def test_a_folders_name_does_not_steer_the_terminal(make_budget):
    make_budget("/srv/\x1b[2J\n\u202ecode")
    assert message().isprintable()


def test_the_hold_is_a_setting(make_budget, settings):
    settings.CAM_BUDGET_HOLD_USD = Decimal("0.10")
    make_budget()
    assert publish()["hold_usd"] == "0.1"


def test_the_gateway_understands_it(make_budget, agent, alice, make_record):
    make_record(agent, cost_usd=Decimal("9.5"))
    make_budget(), make_budget(alice), make_budget("/srv/code", period="day")
    publish()
    budgets = parse_budgets(budgets_path().read_bytes())
    write_policy(agent)
    policy = parse_policy(policy_path(agent.pk).read_bytes(), str(agent.pk))
    assert [budget.covers(policy) for budget in budgets.budgets] == [True, True, True]
    assert {budget.spent_usd for budget in budgets.budgets} == {Decimal("9.5")}
    assert OPUS in budgets.rates
