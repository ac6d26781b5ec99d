"""What a gateway that starts counts of the spool."""

import json
from functools import partial

import pytest

from metrics_app.gateway.budget_gate import BudgetGate
from metrics_app.gateway.budgets import BudgetsFile
from metrics_app.gateway.policy import Policy
from metrics_app.gateway.tail import read_tail
from tests.metrics_app.test_gateway_budget_gate import ALICE, BOB, NOW, Clock, status
from tests.metrics_app.test_gateway_budgets import BUDGET, OPUS, make_file, replace


@pytest.fixture
def path(tmp_path):
    return tmp_path / "budgets.json"


@pytest.fixture
def clock():
    return Clock()


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


def test_what_a_cut_answer_wrote_uncounted_is_spent_too(restarted, make_line, tmp_path):
    line = make_line(tokens=25_000, uncounted_output_tokens=25_000)
    (tmp_path / "usage-3.jsonl").write_bytes(line)
    assert status(restarted({"limit_usd": "1", "spent_usd": "0"})) == 402
    assert status(restarted({"limit_usd": "1.1", "spent_usd": "0"})) is None


@pytest.mark.parametrize(
    "uncounted", [None, 0, 50_000.0, "50000", True, [], {}, -50_000, 1_000_001]
)
def test_uncounted_tokens_that_are_no_number_leave_the_counts(
    restarted, make_line, tmp_path, uncounted
):
    line = make_line(uncounted_output_tokens=uncounted)
    (tmp_path / "usage-3.jsonl").write_bytes(line)
    assert status(restarted({"limit_usd": "1", "spent_usd": "0"})) == 402
    assert status(restarted({"limit_usd": "1.1", "spent_usd": "0"})) is None


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
        b'{"agent_id": "alice", "started_at": "2026-11-24", "usage": {}, "model": {"a": 1}}\n',
        b'{"agent_id": "a", "started_at": "0001-01-01T00:00+10:00", "usage": {}, "model": "b"}\n',
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
