import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from agents.models import ApiToken
from metrics_app.models import PriceOverride, UsageRecord
from tests.metrics_app.conftest import STARTED

pytestmark = pytest.mark.django_db

PATHS = (
    "/api/metrics",
    "/api/metrics/summary",
    "/api/metrics/pricing",
    "/api/metrics/budgets",
)
NOVEMBER = {"from": "2026-11-01", "to": "2026-12-01"}


@pytest.fixture
def get(client):
    def get(user, path, /, **query):
        client.force_login(user)
        return client.get(path, query)

    return get


@pytest.fixture
def spent(alice, bob, make_agent, make_record):
    make_record(make_agent(alice, "fixer"), cost_usd=Decimal("0.0000000001"))
    make_record(make_agent(alice, "writer"), cost_usd=Decimal(2), model="claude-nobody-9")
    make_record(make_agent(bob, "tester"), cost_usd=Decimal(5))


def lines_of(response):
    assert response.status_code == 200
    assert response["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


# Single calls


def test_calls_are_json_lines(get, spent, alice):
    response = get(alice, "/api/metrics")
    calls = lines_of(response)
    assert [call["agent"] for call in calls] == ["fixer", "writer"]
    assert calls[0]["cost_usd"] == "0.0000000001"
    assert calls[0]["time"] == STARTED.isoformat(timespec="microseconds")
    assert "X-Next-After" not in response


def test_a_call_says_how_much_of_its_output_nobody_counted(get, agent, alice, make_record):
    make_record(agent)
    make_record(agent, complete=False, output_tokens=1077, uncounted_output_tokens=1000)
    calls = lines_of(get(alice, "/api/metrics"))
    counts = [(call["output_tokens"], call["uncounted_output_tokens"]) for call in calls]
    assert counts == [(77, 0), (1077, 1000)]


def test_a_token_works_too(client, spent, alice):
    token = ApiToken(user=alice, name="script")
    raw = token.set_secret()
    token.save()
    response = client.get("/api/metrics", headers={"Authorization": f"Bearer {raw}"})
    assert len(lines_of(response)) == 2


def test_pages_follow_each_other(get, agent, alice, make_record):
    records = [make_record(agent) for _ in range(5)]
    seen, after = [], 0
    for expected in (2, 2, 1):
        response = get(alice, "/api/metrics", limit=2, after=after)
        page = lines_of(response)
        assert len(page) == expected
        seen += [call["id"] for call in page]
        after = response.headers.get("X-Next-After")
    assert seen == [record.pk for record in records]
    assert after is None


def test_a_full_last_page_has_no_next(get, agent, alice, make_record):
    for _ in range(2):
        make_record(agent)
    assert "X-Next-After" not in get(alice, "/api/metrics", limit=2)


def test_calls_that_come_in_late_are_not_missed(get, agent, alice, make_record):
    seen = make_record(agent)
    late = make_record(agent, started_at=datetime.fromisoformat("2026-11-01T00:00:00Z"))
    assert [call["id"] for call in lines_of(get(alice, "/api/metrics", after=seen.pk))] == [late.pk]


def test_the_range_of_calls_is_half_open(get, agent, alice, make_record):
    for moment in ("2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"):
        make_record(agent, started_at=datetime.fromisoformat(moment))
    calls = lines_of(get(alice, "/api/metrics", **{"from": "2026-11-23", "to": "2026-11-24"}))
    assert [call["time"][:10] for call in calls] == ["2026-11-23"]
    assert len(lines_of(get(alice, "/api/metrics", **{"from": "2026-11-23"}))) == 2
    assert len(lines_of(get(alice, "/api/metrics", to="2026-11-23"))) == 1


def test_a_page_takes_one_query(client, spent, alice, django_assert_num_queries):
    client.force_login(alice)
    # Session and user besides.
    with django_assert_num_queries(3):
        client.get("/api/metrics")


# Sums


@pytest.mark.parametrize("by", ["user", "model", "agent", "workspace", "day"])
def test_sums_equal_the_ledger(get, spent, alice, by):
    report = get(alice, "/api/metrics/summary", **NOVEMBER, by=by).json()
    assert (report["from"], report["to"], report["by"]) == ("2026-11-01", "2026-12-01", by)
    assert report["total"]["cost_usd"] == "2.0000000001"
    assert sum(Decimal(group["cost_usd"]) for group in report["groups"]) == Decimal("2.0000000001")
    assert report["total"]["calls"] == sum(group["calls"] for group in report["groups"]) == 2


def test_sums_name_their_groups(get, spent, alice):
    report = get(alice, "/api/metrics/summary", **NOVEMBER, by="agent").json()
    assert [group["label"] for group in report["groups"]] == ["writer", "fixer"]
    report = get(alice, "/api/metrics/summary", **NOVEMBER).json()
    assert [group["key"] for group in report["groups"]] == ["claude-nobody-9", "claude-opus-5-5"]


def test_a_sum_that_nobody_knows_is_null(get, agent, alice, make_record):
    make_record(agent, cost_usd=None, is_unpriced=True)
    report = get(alice, "/api/metrics/summary", **NOVEMBER).json()
    assert (report["total"]["cost_usd"], report["total"]["unpriced"]) == (None, 1)


def test_without_a_range_sums_are_of_this_month(get, alice):
    report = get(alice, "/api/metrics/summary").json()
    assert report["from"].endswith("-01")
    assert report["to"].endswith("-01")
    assert report["total"]["cost_usd"] == "0"


# Prices


def prices_of(response):
    return {price.pop("model"): price for price in response.json()["prices"]}


def test_prices_are_those_of_the_sites_models(get, alice, settings):
    settings.CAM_MODELS = ["claude-opus-5-5"]
    prices = prices_of(get(alice, "/api/metrics/pricing"))
    assert prices.keys() == {"claude-opus-5-5"}
    opus = prices["claude-opus-5-5"]
    assert opus.pop("version")
    assert opus == {
        "input_usd": "4",
        "cache_write_5m_usd": "5",
        "cache_write_1h_usd": "8",
        "cache_read_usd": "0.2",
        "output_usd": "20",
        "source": "genai-prices",
    }


def test_models_that_were_seen_are_listed_and_unknown_prices_are_null(get, spent, alice, charlie):
    prices = prices_of(get(alice, "/api/metrics/pricing"))
    assert set(prices["claude-nobody-9"].values()) == {None}
    assert "claude-nobody-9" not in prices_of(get(charlie, "/api/metrics/pricing"))


def test_a_sites_own_prices_go_first(get, alice, settings):
    settings.CAM_MODELS = ["claude-opus-5-5", "claude-haiku-4-5"]
    PriceOverride.objects.create(
        pattern="claude-opus-*",
        starts_at=STARTED - timedelta(days=30),
        input_price=3,
        output_price=10,
        cache_write_5m_price=4,
        cache_write_1h_price=6,
        cache_read_price=Decimal("0.1"),
        multiplier=Decimal("0.5"),
    )
    prices = prices_of(get(alice, "/api/metrics/pricing"))
    opus = prices["claude-opus-5-5"]
    assert (opus["input_usd"], opus["cache_read_usd"], opus["source"]) == (
        "1.5",
        "0.05",
        "override",
    )
    assert prices["claude-haiku-4-5"]["source"] == "genai-prices"


# Who may see what


def test_a_stranger_sees_nothing(get, spent, charlie):
    assert lines_of(get(charlie, "/api/metrics")) == []
    report = get(charlie, "/api/metrics/summary", **NOVEMBER).json()
    assert (report["groups"], report["total"]["calls"]) == ([], 0)


@pytest.mark.parametrize("path", PATHS[:2])
@pytest.mark.parametrize("username", ["alice", "nobody"])
def test_somebody_elses_calls_are_as_if_there_were_none(get, spent, charlie, path, username):
    response = get(charlie, path, user=username)
    assert response.status_code == 404
    assert response.json() == {"reason": "There is no such thing, or it is not yours."}


def test_one_may_name_oneself(get, spent, alice):
    assert len(lines_of(get(alice, "/api/metrics", user="alice"))) == 2


def test_staff_see_everyone_and_may_choose(get, spent, staff):
    assert len(lines_of(get(staff, "/api/metrics"))) == 3
    assert [call["user"] for call in lines_of(get(staff, "/api/metrics", user="bob"))] == ["bob"]
    report = get(staff, "/api/metrics/summary", **NOVEMBER, user="bob").json()
    assert (report["user"], report["total"]["cost_usd"]) == ("bob", "5")


def test_staff_who_choose_nobody_are_told(get, staff):
    assert get(staff, "/api/metrics/summary", user="nobody").status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_it_asks_who_calls(client, path):
    response = client.get(path)
    assert response.status_code == 401
    assert response.json() == {"reason": "Sign in or send a token."}


@pytest.mark.parametrize("path", PATHS)
def test_it_rejects_post(client, alice, path):
    client.force_login(alice)
    response = client.post(path)
    assert response.status_code == 405
    assert response["Allow"] == "GET"


# Bad input


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 1001},
        {"limit": 10**30},
        {"limit": "many"},
        {"after": -1},
        {"after": 2**63},
        {"after": "abc"},
        {"from": "yesterday"},
        {"from": "1764000000"},
        {"from": "2026-11-01T00:00:00"},
        {"to": "2026-02-30"},
        {"to": "9999-12-31"},
        {"from": "2026-11-02", "to": "2026-11-02"},
        {"user": "x" * 151},
        {"user": "\0"},
    ],
)
def test_bad_questions_for_calls_are_told(get, alice, query):
    response = get(alice, "/api/metrics", **query)
    assert response.status_code == 422
    assert response.json().keys() == {"reason"}
    assert len(response.json()["reason"]) < 600


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"from": "2026-11-01"}, "from and to go together."),
        ({"to": "2026-11-01"}, "from and to go together."),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "query.to: Value error, must come after from"),
        ({"from": "2026-02-30", "to": "2026-11-01"}, "query.from: Value error, there is no such"),
        ({"by": "tool"}, "query.by: "),
    ],
)
def test_bad_questions_for_sums_are_told(get, alice, query, where):
    response = get(alice, "/api/metrics/summary", **query)
    assert response.status_code == 422
    assert response.json()["reason"].startswith(where)


def test_nothing_is_written_by_reading(get, spent, alice):
    before = list(UsageRecord.objects.values())
    for path in PATHS:
        get(alice, path)
    assert list(UsageRecord.objects.values()) == before


# Budgets


def test_budgets_say_how_they_stand(get, agent, alice, make_record, make_budget, clock):
    make_budget(alice, limit_usd="12.5", note="Agreed.")
    make_record(agent, cost_usd=Decimal("0.0000000001"))
    make_record(agent, cost_usd=None, is_unpriced=True)
    (found,) = get(alice, "/api/metrics/budgets").json()["budgets"]
    del found["id"]
    assert found == {
        "scope": "user",
        "user": "alice",
        "workspace": None,
        "period": "month",
        "is_active": True,
        "note": "Agreed.",
        "from": "2026-11-01",
        "resets_at": "2026-12-01T00:00:00Z",
        "limit_usd": "12.5",
        "topped_up_usd": "0",
        "spent_usd": "0.0063400001",
        "left_usd": "12.4936599999",
        "unpriced": 1,
        "forecast_usd": None,
        "crosses_at": None,
    }


def test_budgets_are_forecast(get, agent, alice, make_record, make_budget, clock):
    make_budget("/srv/code", limit_usd="5")
    for days in range(1, 5):
        make_record(agent, cost_usd=Decimal(1), started_at=STARTED - timedelta(days=days))
    (found,) = get(alice, "/api/metrics/budgets").json()["budgets"]
    assert found["workspace"] == "/srv/code"
    assert found["forecast_usd"] == "11.2917"
    assert found["crosses_at"] == "2026-11-24T17:00:00Z"


def test_budgets_of_others_are_not_shown(get, alice, bob, staff, make_budget, clock):
    make_budget(bob), make_budget("/srv/code"), make_budget()
    assert [found["scope"] for found in get(alice, "/api/metrics/budgets").json()["budgets"]] == [
        "everyone"
    ]
    assert len(get(staff, "/api/metrics/budgets").json()["budgets"]) == 3
