import json
from decimal import Decimal
from pathlib import Path
from unittest.mock import Mock

import pytest

from metrics_app.gateway.budgets import (
    MAX_FILE_BYTES,
    BudgetsError,
    BudgetsFile,
    Rates,
    parse_budgets,
)
from metrics_app.gateway.policy import Policy

OPUS = "claude-opus-5-5"
RATES = {
    "input": "4",
    "cache_write_5m": "5",
    "cache_write_1h": "8",
    "cache_read": "0.2",
    "output": "20",
}
BUDGET = {
    "id": 7,
    "scope": "everyone",
    "user_id": None,
    "workspace": None,
    "limit_usd": "10",
    "spent_usd": "9.87",
    "starts_at": "2026-11-01T00:00:00+00:00",
    "resets_at": "2026-12-01T00:00:00+00:00",
    "message": "The budget is used up.",
}


def make_file(budget=(), **changes):
    data = {
        "version": 1,
        "written_at": "2026-11-24T02:30:00+00:00",
        "hold_usd": "0.05",
        "ingested": {"usage-2.jsonl": 100},
        "rates": {OPUS: RATES},
        "budgets": [BUDGET | dict(budget)],
    }
    return json.dumps(data | changes).encode()


def make_policy(user_id=3, workspace="/srv/code"):
    return Policy("agent", (), "site", None, user_id, workspace)


def test_a_file_is_read_with_exact_money():
    budgets = parse_budgets(make_file())
    (budget,) = budgets.budgets
    assert (budget.limit_usd, budget.spent_usd) == (Decimal(10), Decimal("9.87"))
    assert budgets.hold_usd == Decimal("0.05")


def test_unknown_fields_pass_and_no_budgets_are_fine():
    assert parse_budgets(make_file(later="more", budgets=[])).budgets == ()


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused(raw):
    with pytest.raises(BudgetsError):
        parse_budgets(raw)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"hold_usd": None},
        {"hold_usd": 0.05},
        {"hold_usd": "NaN"},
        {"hold_usd": "-1"},
        {"hold_usd": "1e99"},
        {"hold_usd": "9" * 100},
        {"ingested": []},
        {"ingested": {"usage-1.jsonl": -1}},
        {"ingested": {"usage-1.jsonl": True}},
        {"rates": None},
        {"rates": {OPUS: {}}},
        {"rates": {OPUS: RATES | {"input": "Infinity"}}},
        {"rates": {OPUS: "4"}},
        {"budgets": {}},
        {"budgets": ["all"]},
    ],
)
def test_a_file_that_is_not_wholly_understood_is_refused(changes):
    with pytest.raises(BudgetsError):
        parse_budgets(make_file(**changes))


@pytest.mark.parametrize(
    "budget",
    [
        {"scope": "team"},
        {"scope": "user"},
        {"scope": "user", "user_id": "3"},
        {"scope": "workspace"},
        {"limit_usd": "ten"},
        {"spent_usd": None},
        {"resets_at": "tomorrow"},
        {"resets_at": 5},
        {"starts_at": None},
        {"resets_at": "2026-12-01T00:00:00"},
        {"message": None},
    ],
)
def test_a_budget_that_is_not_wholly_understood_is_refused(budget):
    with pytest.raises(BudgetsError):
        parse_budgets(make_file(budget))


@pytest.mark.parametrize(
    ("budget", "policy", "is_covered"),
    [
        ({}, make_policy(None, None), True),
        ({"scope": "user", "user_id": 3}, make_policy(), True),
        ({"scope": "user", "user_id": 3}, make_policy(4), False),
        ({"scope": "user", "user_id": 3}, make_policy(None), False),
        ({"scope": "workspace", "workspace": "/srv/code"}, make_policy(), True),
        ({"scope": "workspace", "workspace": "/srv/code"}, make_policy(workspace="/srv"), False),
        ({"scope": "workspace", "workspace": "/srv"}, make_policy(workspace=None), False),
    ],
)
def test_a_budget_covers_its_own_agents(budget, policy, is_covered):
    (parsed,) = parse_budgets(make_file(budget)).budgets
    assert parsed.covers(policy) is is_covered


def test_a_call_costs_what_its_tokens_cost():
    usage = {
        "input_tokens": 1200,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
        "cache_read_input_tokens": 5000,
        "output_tokens": 77,
    }
    assert parse_budgets(make_file()).cost_of(OPUS, usage) == Decimal("0.00914")


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": -5},
        {"input_tokens": "many"},
        {"input_tokens": True},
        {"cache_creation": "x", "output_tokens": None},
        {"cache_creation": {"ephemeral_1h_input_tokens": 9}},
    ],
)
def test_counts_that_mean_nothing_cost_nothing(usage):
    rates = Rates(*map(Decimal, RATES.values()))
    assert rates.cost_of(usage) == 0


def test_a_count_beyond_all_measure_is_bounded():
    rates = Rates(*map(Decimal, RATES.values()))
    assert rates.cost_of({"input_tokens": 10**30}) == 400


def test_a_model_without_a_rate_costs_the_dearest_of_each_kind():
    cheap = dict.fromkeys(RATES, "1") | {"output": "99"}
    budgets = parse_budgets(make_file(rates={OPUS: RATES, "claude-haiku-4-5": cheap}))
    usage = {"input_tokens": 1_000_000, "output_tokens": 1_000_000}
    assert budgets.cost_of("nobody-knows", usage) == 4 + 99
    assert budgets.cost_of(None, usage) == 4 + 99


def test_without_any_rate_a_call_costs_a_hold_and_without_usage_nothing():
    budgets = parse_budgets(make_file(rates={}))
    assert budgets.cost_of(OPUS, {"input_tokens": 1}) == Decimal("0.05")
    assert budgets.cost_of(OPUS, None) == 0


def test_lines_are_ingested_up_to_the_known_byte():
    budgets = parse_budgets(make_file())
    assert budgets.has_ingested("usage-2.jsonl", 100)
    assert not budgets.has_ingested("usage-2.jsonl", 101)
    assert budgets.has_ingested("usage-1.jsonl", 5), "older than all: read and removed"
    assert not budgets.has_ingested("usage-3.jsonl", 1)
    assert not parse_budgets(make_file(ingested={})).has_ingested("usage-1.jsonl", 1)


# The file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "budgets.json"


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def file(path, warnings):
    return BudgetsFile(path, warn=warnings.append)


def replace(path, raw):
    draft = path.with_suffix(".draft")
    draft.write_bytes(raw)
    draft.replace(path)


def test_no_file_is_no_budgets(file, warnings):
    assert not file.refresh()
    assert (file.budgets, file.is_unreadable, warnings) == (None, False, [])


def test_a_new_file_is_news_once(file, path):
    replace(path, make_file())
    assert file.refresh()
    assert not file.refresh()
    replace(path, make_file({"limit_usd": "20"}))
    assert file.refresh()
    assert file.budgets.budgets[0].limit_usd == 20


def test_a_bad_file_leaves_the_one_before_in_force(file, path, warnings):
    replace(path, make_file())
    file.refresh()
    replace(path, b"{")
    assert not file.refresh()
    assert not file.refresh()
    assert file.budgets is not None
    assert not file.is_unreadable
    assert len(warnings) == 1


def test_a_bad_file_with_none_before_is_unreadable_until_it_is_mended(file, path, warnings):
    replace(path, b" " * (MAX_FILE_BYTES + 1))
    assert not file.refresh()
    assert file.is_unreadable
    assert "larger than" in warnings[0]
    replace(path, make_file())
    assert file.refresh()
    assert not file.is_unreadable


def test_a_file_that_could_not_be_opened_is_tried_again(file, path, warnings, monkeypatch):
    replace(path, make_file())
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", Mock(side_effect=OSError("too many open files")))
        assert not file.refresh()
        assert not file.refresh()
    assert file.is_unreadable
    assert len(warnings) == 1
    assert file.refresh()
    assert not file.is_unreadable


def test_a_file_that_goes_takes_its_budgets_along(file, path):
    replace(path, make_file())
    file.refresh()
    path.unlink()
    assert file.refresh()
    assert file.budgets is None


def test_thousands_of_budgets_are_read(file, path):
    replace(path, make_file(budgets=[BUDGET | {"id": number} for number in range(5000)]))
    assert file.refresh()
    assert len(file.budgets.budgets) == 5000
