import json
import random
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest

from metrics_app.gateway.budget_gate import STALE_AFTER, BudgetGate, Charge
from metrics_app.gateway.budgets import BudgetsFile
from metrics_app.gateway.policy import Policy
from metrics_app.gateway.refusals import refuse_api
from metrics_app.gateway.spool import Position
from metrics_app.gateway.tail import read_tail
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
    gate.hold(key, policy, 400)
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
    gate.hold(1, ALICE, None)
    assert status(gate) == 429
    gate.settle(1, model=None, usage=None, written=written())
    assert status(gate) is None, "a call without usage releases its hold"


def test_a_hold_of_another_user_does_not_count(gate, set_budgets):
    set_budgets({"scope": "user", "user_id": 3, "spent_usd": "9.99"})
    gate.hold(1, BOB, None)
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
    gate.hold(1, ALICE, 4)
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
    gate.hold(1, ALICE, None)
    clock.now += STALE_AFTER + timedelta(seconds=1)
    gate.refresh()
    assert status(gate) is None


def test_a_file_that_cannot_be_read_refuses_everything(gate, path):
    replace(path, b"{")
    gate.refresh()
    assert status(gate) == 503


def test_the_dearest_refusal_is_told_first(gate, set_budgets):
    set_budgets(
        {"spent_usd": "9.99"},
        {"scope": "user", "user_id": 3, "spent_usd": "10", "message": "alice's"},
    )
    gate.hold(1, ALICE, None)
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
            gate.hold(key, ALICE, dice.choice([None, 100, 10**6]))
            assert spent < limit
        at_risk = sum(Decimal(tokens) * 20 / 1_000_000 for tokens in in_flight.values())
        most = max(most, at_risk)
        assert spent + at_risk <= limit + most
    assert status(gate) in (402, 429)


# A gateway that starts


@pytest.fixture
def make_line():
    def make(agent_id="alice", tokens=50_000, **fields):
        line = {
            "agent_id": agent_id,
            "started_at": NOW.isoformat(),
            "model": OPUS,
            "requested_model": OPUS,
            "usage": {"output_tokens": tokens},
        }
        return json.dumps(line | fields).encode() + b"\n"

    return make


@pytest.fixture
def restarted(path, tmp_path, clock):
    find_policy: dict[str, Policy] = {"alice": ALICE, "bob": BOB}
    gate = BudgetGate(BudgetsFile(path), partial(read_tail, tmp_path, find_policy.get), clock)

    def start(*budgets, **changes):
        replace(path, make_file(budgets=[BUDGET | budget for budget in budgets], **changes))
        gate.refresh()
        return gate

    return start


def test_a_start_counts_what_is_spooled_and_not_ingested(restarted, make_line, tmp_path):
    line = make_line()
    (tmp_path / "usage-3.jsonl").write_bytes(line * 3)
    spent = {"limit_usd": "3", "spent_usd": "0"}
    assert status(restarted(spent)) == 402
    assert status(restarted(spent, ingested={"usage-3.jsonl": len(line)})) is None


def test_a_start_passes_over_what_is_ingested_or_older(restarted, make_line, tmp_path):
    (tmp_path / "usage-1.jsonl").write_bytes(make_line())
    (tmp_path / "usage-2.jsonl").write_bytes(make_line())
    ingested = {"usage-2.jsonl": len(make_line())}
    assert status(restarted({"limit_usd": "1", "spent_usd": "0"}, ingested=ingested)) is None


def test_lines_count_for_their_agents_budgets(restarted, make_line, tmp_path):
    (tmp_path / "usage-3.jsonl").write_bytes(make_line("bob") + make_line("gone"))
    of_alice = {"scope": "user", "user_id": 3, "limit_usd": "1", "spent_usd": "0"}
    assert status(restarted(of_alice)) is None
    assert status(restarted({"limit_usd": "2", "spent_usd": "0"})) == 402


@pytest.mark.parametrize(
    "bad",
    [
        b"{\n",
        b"\xff\n",
        b"[]\n",
        b"null\n",
        b'{"agent_id": "alice"}\n',
        b'{"torn": ',
        b"x" * 600_000,
        b'{"agent_id": ["a"], "started_at": "2026-11-24", "usage": {}, "model": 5}\n',
        b'{"agent_id": "alice", "started_at": 5, "usage": {}, "model": null}\n',
    ],
)
def test_lines_that_cannot_be_read_harm_nothing(restarted, make_line, tmp_path, bad):
    (tmp_path / "usage-3.jsonl").write_bytes(make_line(usage=None) + bad)
    assert status(restarted({"spent_usd": "0"})) is None


def test_a_spool_that_is_not_there_yet_is_empty(path, tmp_path, clock):
    tail = partial(read_tail, tmp_path / "none", {}.get)
    gate = BudgetGate(BudgetsFile(path), tail, clock)
    replace(path, make_file())
    gate.refresh()
    assert status(gate) is None


def test_a_charge_in_flight_is_never_ingested(gate, set_budgets):
    set_budgets({})
    assert not Charge(ALICE, Decimal(1), NOW).is_ingested(gate.file.budgets)
