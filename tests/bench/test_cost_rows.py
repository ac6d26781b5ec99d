"""The month that the benchmark of costs makes up is worth measuring."""

import json
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from bench.cost.ccusage import make_line as make_transcript_line
from bench.cost.rows import HAIKU, Rates, make_calls
from bench.cost.spool import make_line
from bench.cost.world import AGENTS, LIVE_CALLS, LIVE_SESSIONS, make_world
from metrics_app.attempts import assess
from metrics_app.spool import parse_line

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
RATES = Rates(NOW)


@pytest.fixture(scope="module")
def calls():
    return list(make_calls(make_world(3000, NOW, seed=7).sessions, RATES))


def test_a_seed_makes_the_same_calls_again(calls):
    again = make_calls(make_world(3000, NOW, seed=7).sessions, RATES)
    assert list(again) == calls
    assert next(make_calls(make_world(3000, NOW, seed=8).sessions, RATES)) != calls[0]


def test_there_are_as_many_as_asked_for_within_30_utc_days_in_order(calls):
    assert len(calls) == len({call.attempt_id for call in calls}) == 3000
    assert all(before.started_at <= after.started_at for before, after in pairwise(calls))
    assert calls[0].started_at >= datetime(2026, 10, 26, tzinfo=UTC)
    assert calls[-1].started_at <= NOW


@pytest.mark.parametrize("rows", [1, AGENTS // 2, 1000])
def test_few_calls_are_made_too(rows):
    assert len(list(make_calls(make_world(rows, NOW, seed=7).sessions, RATES))) == rows


def test_costs_and_tokens_are_those_of_the_ingest(calls):
    for call in calls:
        found = assess(parse_line(make_line(call).encode(), now=NOW))
        assert found.priced.cost_usd == call.cost_usd
        assert found.priced.is_unpriced == (call.end == "unpriced")
        assert found.priced.is_estimated == (call.end == "cut")
        assert found.priced.price_version == call.price_version
        assert (found.tokens.cache_read, found.tokens.output) == (call.cache_read, call.output)


def test_calls_are_mostly_read_from_the_cache_and_some_fail(calls):
    whole = sum(call.input + call.cache_write_5m + call.cache_write_1h for call in calls)
    assert sum(call.cache_read for call in calls) > 2 * whole
    assert {"", "429", "529", "cut", "count_tokens", "unpriced"} <= {call.end for call in calls}
    assert any(call.model == HAIKU for call in calls)


def test_live_sessions_have_made_no_call_yet():
    world = make_world(3000, NOW, seed=7)
    live = list(make_calls(world.live, RATES))
    assert len(live) == LIVE_SESSIONS * LIVE_CALLS
    assert len({call.session.agent.id for call in live}) == LIVE_SESSIONS
    assert not {session.id for session in world.live} & {one.id for one in world.sessions}


def test_each_call_is_a_line_of_a_transcript_too(calls):
    lines = [json.loads(make_transcript_line(call)) for call in calls]
    answered = [line for line in lines if line["message"].get("model", "").startswith("claude-")]
    assert len(answered) == sum(call.has_usage for call in calls)
    assert len({(line["message"]["id"], line["requestId"]) for line in answered}) == len(answered)
