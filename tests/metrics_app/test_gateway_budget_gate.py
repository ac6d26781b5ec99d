import json
import random
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from metrics_app.gateway.budget_gate import STALE_AFTER, BudgetGate, Charge
from metrics_app.gateway.budgets import BudgetsFile
from metrics_app.gateway.refusals import refuse_api
from metrics_app.gateway.spool import Position
from tests.metrics_app.test_gateway_budgets import BUDGET, OPUS, make_file, make_policy, replace

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ALICE, BOB = make_policy(3), make_policy(4, "/srv/other")
DOLLAR = {"output_tokens": 50_000}


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "budgets.json"


@pytest.fixture
def gate(path, clock):
    return BudgetGate(BudgetsFile(path), lambda budgets: [], clock)


@pytest.fixture
def set_budgets(gate, path):
    def write(*budgets, **changes):
        replace(path, make_file(budgets=[BUDGET | budget for budget in budgets], **changes))
        gate.refresh()

    return write


def written(name="usage-3.jsonl", end=10):
    future = Future()
    future.set_result(Position(name, end))
    return future


def call(gate, key, policy=ALICE, *, usage=DOLLAR, line=None):
    """A call from its start to its end."""
    gate.hold(key, policy)
    gate.settle(key, model=OPUS, usage=usage, written=line or written())


def status(gate, policy=ALICE):
    refusal = gate.find_refusal(policy)
    return refusal and refusal[0]


def test_without_budgets_everything_passes(gate):
    gate.refresh()
    assert status(gate) is None


def test_at_the_limit_calls_are_refused_with_the_budgets_message(gate, set_budgets):
    set_budgets({"spent_usd": "10"})
    assert gate.find_refusal(ALICE) == (402, BUDGET["message"])


def test_below_the_limit_they_pass(gate, set_budgets):
    set_budgets({"spent_usd": "9.9999999999"})
    assert status(gate) is None


def test_only_the_covered_agents_are_refused(gate, set_budgets):
    set_budgets({"scope": "user", "user_id": 3, "spent_usd": "10"})
    assert (status(gate, ALICE), status(gate, BOB)) == (402, None)


def test_a_raised_limit_lets_calls_through_again(gate, set_budgets):
    set_budgets({"spent_usd": "10"})
    set_budgets({"spent_usd": "10", "limit_usd": "11"})
    assert status(gate) is None


def test_calls_in_flight_hold_what_is_left(gate, set_budgets):
    set_budgets({"spent_usd": "9.99"})
    gate.hold(1, ALICE)
    assert status(gate) == 429
    gate.settle(1, model=None, usage=None, written=written())
    assert status(gate) is None, "a call without usage releases its hold"


def test_a_race_of_short_prompts_is_held_up_too(gate, set_budgets):
    """Their answers may be as long as any."""
    set_budgets({"spent_usd": "9.9"})
    gate.hold(1, ALICE)
    assert status(gate) is None
    gate.hold(2, ALICE)
    assert status(gate) == 429


def test_a_hold_of_another_user_does_not_count(gate, set_budgets):
    set_budgets({"scope": "user", "user_id": 3, "spent_usd": "9.99"})
    gate.hold(1, BOB)
    assert status(gate, ALICE) is None


def test_a_call_that_ended_counts_with_its_cost_until_it_is_ingested(gate, set_budgets):
    set_budgets({"spent_usd": "9"})
    call(gate, 1, line=written("usage-3.jsonl", 500))
    assert status(gate) == 402
    set_budgets({"spent_usd": "9"}, ingested={"usage-3.jsonl": 499})
    assert status(gate) == 402
    set_budgets({"spent_usd": "9"}, ingested={"usage-3.jsonl": 500})
    assert status(gate) is None


def test_a_call_whose_line_is_not_on_disk_yet_counts(gate, set_budgets):
    set_budgets({"spent_usd": "9"})
    call(gate, 1, line=Future())
    set_budgets({"spent_usd": "9"}, ingested={"usage-9.jsonl": 10**9})
    assert status(gate) == 402


def test_an_unknown_model_is_no_way_around_a_budget(gate, set_budgets):
    set_budgets({"spent_usd": "9"})
    gate.hold(1, ALICE)
    gate.settle(1, model="nobody-knows", usage=DOLLAR, written=written())
    assert status(gate) == 402


def test_what_is_settled_twice_or_was_never_held_counts_once(gate, set_budgets):
    set_budgets({"spent_usd": "8.5"})
    call(gate, 1)
    gate.settle(1, model=OPUS, usage=DOLLAR, written=written())
    gate.settle(2, model=OPUS, usage=DOLLAR, written=written())
    assert status(gate) is None


def test_a_new_period_begins_with_nothing_spent(gate, set_budgets, clock):
    set_budgets({"spent_usd": "10", "resets_at": "2026-11-25T00:00:00+00:00"})
    call(gate, 1)
    clock.now = datetime(2026, 11, 25, tzinfo=UTC)
    assert status(gate) is None
    for key in range(10):
        call(gate, key)
    assert status(gate) == 402


def test_stale_holds_are_swept(gate, set_budgets, clock):
    set_budgets({"spent_usd": "9.99"})
    gate.hold(1, ALICE)
    clock.now += STALE_AFTER + timedelta(seconds=1)
    gate.refresh()
    assert status(gate) is None
    gate.settle(1, model=OPUS, usage=DOLLAR, written=written())
    assert status(gate) == 402, "its cost counts, however long it took"


def test_what_was_spent_before_a_period_does_not_count_in_it(gate, set_budgets, clock):
    yesterday = {"limit_usd": "1", "resets_at": "2026-11-25T00:00:00+00:00"}
    set_budgets(yesterday | {"spent_usd": "0"})
    call(gate, 1)
    assert status(gate) == 402
    clock.now = datetime(2026, 11, 25, tzinfo=UTC)
    today = ["2026-11-25T00:00:00+00:00", "2026-11-26T00:00:00+00:00"]
    set_budgets({"limit_usd": "1", "spent_usd": "0", "starts_at": today[0], "resets_at": today[1]})
    assert status(gate) is None, "the portal knows of the new day before it has read all of the old"


def test_thousands_of_calls_that_wait_for_the_portal_are_summed_once(gate, set_budgets):
    set_budgets({"limit_usd": "20001", "spent_usd": "0"})
    for key in range(20_000):
        call(gate, key)
    assert status(gate) is None
    assert len(gate._totals) == 1
    call(gate, 20_000)
    assert status(gate) == 402


def test_a_file_that_cannot_be_read_refuses_everything(gate, path):
    replace(path, b"{")
    gate.refresh()
    assert status(gate) == 503


def test_the_dearest_refusal_is_told_first(gate, set_budgets):
    set_budgets(
        {"spent_usd": "9.99"},
        {"scope": "user", "user_id": 3, "spent_usd": "10", "message": "alice's"},
    )
    gate.hold(1, ALICE)
    assert gate.find_refusal(ALICE) == (402, "alice's")


def test_the_cli_is_told_what_to_try_again():
    held, spent = refuse_api(429, "held"), refuse_api(402, "spent")
    assert (held.headers["retry-after"], held.headers["x-should-retry"]) == ("2", "true")
    assert json.loads(spent.body)["error"]["type"] == "billing_error"
    assert spent.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("seed", range(20))
def test_a_race_spends_beyond_the_limit_no_more_than_the_calls_in_flight(gate, set_budgets, seed):
    dice = random.Random(seed)
    limit = Decimal(dice.randrange(1, 20))
    set_budgets({"limit_usd": str(limit), "spent_usd": "0"})
    in_flight, spent, most = {}, Decimal(0), Decimal(0)
    for key in range(2000):
        if in_flight and dice.random() < 0.4:
            ended = dice.choice(list(in_flight))
            tokens = in_flight.pop(ended)
            gate.settle(ended, model=OPUS, usage={"output_tokens": tokens}, written=written())
            spent += Decimal(tokens) * 20 / 1_000_000
        elif status(gate) is None:
            in_flight[key] = dice.randrange(100_000)
            gate.hold(key, ALICE)
            assert spent < limit
        at_risk = sum(Decimal(tokens) * 20 / 1_000_000 for tokens in in_flight.values())
        most = max(most, at_risk)
        assert spent + at_risk <= limit + most
    assert status(gate) in (402, 429)


def test_a_charge_in_flight_is_never_ingested(gate, set_budgets):
    set_budgets({})
    assert not Charge(ALICE, Decimal(1), NOW).is_ingested(gate.file.budgets)
