"""Random usages cost the same by the real CLI's own figure and by our ledger, or differ for a known reason.

CAM_PRICED_CALLS says how many, CAM_PRICED_SEED which ones.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from agents.models import Agent
from metrics_app.ingest import ingest_spool
from metrics_app.models import UsageRecord
from tests.e2e.agreement import compare, describe
from tests.e2e.gateway_process import GatewayProcess
from tests.e2e.random_usage import draw_call
from tests.e2e.talking_cli import Turn, talk_to_cli
from tests.e2e.usage_api import UsageApi, message_id

CALLS = int(os.environ.get("CAM_PRICED_CALLS", "1000"))
SEED = int(os.environ.get("CAM_PRICED_SEED", "1"))
CLIS = 2  # at the same time
CALLS_A_CLI = 250  # each sends the whole conversation: the longer, the slower
PARTS = [range(first, min(first + CALLS_A_CLI, CALLS)) for first in range(0, CALLS, CALLS_A_CLI)]


@pytest.fixture
def api():
    server = UsageApi(partial(draw_call, SEED))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def gateway(tmp_path, api):
    process = GatewayProcess(tmp_path / "data", CAM_UPSTREAM_URL=api.url, ANTHROPIC_API_KEY="key")
    yield process.start()
    process.stop()


def make_calls(folder: Path, gateway: GatewayProcess, numbers: range) -> dict[int, Turn]:
    """Each call a turn of its own, all of one agent."""
    turns = {}
    with talk_to_cli(folder / f"cli-{numbers[0]}", gateway, gateway.add_agent().agent_id) as cli:
        for number in numbers:
            cli.use_model(draw_call(SEED, number).model)
            turns[number] = cli.say(f"call {number}")
    return turns


@pytest.fixture
def turns(tmp_path, gateway):
    with ThreadPoolExecutor(CLIS) as pool:
        talks = pool.map(partial(make_calls, tmp_path, gateway), PARTS)
        return {number: turn for turns in talks for number, turn in turns.items()}


@pytest.fixture
def records(settings, alice, gateway, turns):
    gateway.stop()
    for policy in gateway.policy_path("").parent.glob("*.json"):
        Agent.objects.create(pk=policy.stem, owner=alice, name=policy.stem, node="local")
    settings.CAM_METRICS_DIR = gateway.data / "usage"
    while ingest_spool():
        pass
    return UsageRecord.objects.all()


def test_random_usages_cost_what_the_cli_says(turns, records, capsys):
    ours = dict(records.filter(status=200).values_list("message_id", "cost_usd"))
    assert all(turn.message_ids == (message_id(number),) for number, turn in turns.items())
    compared = [
        compare(draw_call(SEED, number), ours_usd=ours[message_id(number)], cli_usd=turn.cost_usd)
        for number, turn in turns.items()
    ]
    with capsys.disabled():
        print("", *describe(compared), sep="\n")
    assert len(compared) == CALLS
    assert [one for one in compared if not one.is_explained] == []
    assert [one for one in compared if not one.differences and not one.is_exact] == []
    at_once = records.filter(streamed=False, message_id__startswith="msg_call_")
    assert at_once.count() == sum(not one.call.is_streamed for one in compared)
    asides = records.filter(message_id__startswith="msg_aside_", cost_usd__gt=0)
    assert asides.count() + CALLS == len(ours)
