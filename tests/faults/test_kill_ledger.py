"""Kill -9 of gateway, bridge, database and others while agents make 50 calls: the ledger has each once."""

import json
import random
import time
from itertools import cycle

import httpx
import pytest

from tests.e2e.fixtures import SERVER_URL
from tests.e2e.stack import Client, wait_for
from tests.faults.test_kill import assert_each_line_once

CALLS = 50
AGENTS = 5
WORDS = 60
WORDS_PER_SECOND = 60
ROUNDS = 3
SEED = 7
VICTIMS = (
    [["gateway"], ["bridge"], ["beat", "database"]]
    if SERVER_URL
    else [["gateway"], ["bridge", "worker", "web"]]
)


class Record:
    """What the model API itself noted: each message as it began, and again after its last byte."""

    def __init__(self, portal):
        self._path = portal.answered
        self.begun: set[str] = set()
        self.whole: dict[str, tuple[int, int]] = {}

    def read(self):
        text = self._path.read_text() if self._path.exists() else ""
        for line in map(json.loads, text.splitlines()):
            usage = line["usage"]
            if line["is_whole"]:
                self.whole[line["id"]] = (usage["input_tokens"], usage["output_tokens"])
            else:
                self.begun.add(line["id"])


class Killer:
    """Kills at seeded numbers of calls, and starts again a seeded time later."""

    def __init__(self, portal, server, victims):
        chance = random.Random(SEED)
        moments = sorted(chance.sample(range(2, CALLS - 5), ROUNDS * len(victims)))
        self._plan = [
            (moment, names, chance.uniform(0.1, 1.5))
            for moment, names in zip(moments, cycle(victims), strict=False)
        ]
        self._portal, self._server = portal, server
        self._away, self._back_at = [], 0.0

    @property
    def is_done(self):
        return not self._plan and not self._away

    def step(self, record):
        record.read()
        if self._away and time.monotonic() > self._back_at:
            for name in self._away:
                self._server.start() if name == "database" else self._portal.start(name)
            self._away = []
        elif not self._away and self._plan and len(record.begun) >= self._plan[0][0]:
            self._kill(*self._plan.pop(0)[1:])

    def _kill(self, names, seconds):
        for name in names:
            self._server.kill() if name == "database" else self._portal.kill(name)
        self._away, self._back_at = names, time.monotonic() + seconds


@pytest.fixture
def server(request):
    """The database's, to be killed; None where the database is a file."""
    return request.getfixturevalue("postgres") if SERVER_URL else None


@pytest.fixture
def portal(tmp_path, make_stack, server):
    options = {"database_url": server.url} if server else {}
    with make_stack(tmp_path, CAM_DEMO_API_PACE=str(WORDS_PER_SECOND), **options) as portal:
        portal.up()
        yield portal


def keep_busy(client, agent_ids):
    """Give every idle agent its next prompt, as far as the portal answers at all."""
    for agent_id in agent_ids:
        try:
            answer = client.http.get(f"/api/agents/{agent_id}")
            if answer.status_code == 200 and answer.json()["status"] == "idle":
                client.http.post(f"/api/agents/{agent_id}/send", json={"text": f"long {WORDS}"})
        except httpx.TransportError:
            return


def make_calls(client, agent_ids, record, killer):
    def is_done():
        killer.step(record)
        if len(record.begun) < CALLS:
            keep_busy(client, agent_ids)
        return len(record.begun) >= CALLS and killer.is_done

    wait_for(is_done, seconds=240, every=0.1, message=client.stack.logs)
    wait_for(client.stack.answers, seconds=60)
    for agent_id in agent_ids:
        client.wait_for_status(agent_id, "idle", seconds=120)
    record.read()


def ledger(portal):
    """(message, input, output) of each call that went out, in no order."""
    return portal.query(
        "select message_id, input_tokens, output_tokens from metrics_app_usagerecord"
        " where kind = 'messages' and (status = 200 or error like ?)",
        "%the gateway was killed%",
    )


def test_each_call_is_in_the_ledger_once(portal, server):
    """Nothing is started again that was not killed: the rest finds its way back by itself.

    A call whose answer had not reached the gateway when that was killed has a row without a name.
    """
    client = Client(portal)
    agent_ids = [client.launch(portal.workspace(f"busy-{number}")) for number in range(AGENTS)]
    for agent_id in agent_ids:
        client.wait_for_status(agent_id, "idle", seconds=60)
    record, killer = Record(portal), Killer(portal, server, VICTIMS)
    make_calls(client, agent_ids, record, killer)

    def all_noted():
        rows = ledger(portal)
        named = [row for row in rows if row[0]]
        missing = record.begun - {row[0] for row in named}
        return len(missing) <= len(rows) - len(named) and named

    named = wait_for(all_noted, message=portal.logs)
    assert len(record.begun) >= CALLS
    assert len(named) == len({row[0] for row in named})
    assert {row[0] for row in named} <= record.begun
    whole = {(message, *tokens) for message, tokens in record.whole.items()}
    differing = {row for row in named if row[0] in record.whole} - whole
    assert len(differing) <= ROUNDS * AGENTS, "cut by a kill of the gateway before the last counts"
    assert {row[:2] for row in differing} <= {row[:2] for row in whole}
    assert {
        name for name, process in portal.processes.items() if process.poll() is not None
    } == set()
    portal.manage("rebuild_rollups", "--dry-run")
    for agent_id in agent_ids:
        assert_each_line_once(client.history(agent_id))
