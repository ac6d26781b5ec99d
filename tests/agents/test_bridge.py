"""The bridge without its engine: what it does while the database is away."""

import pytest
from django.db import InterfaceError, OperationalError

from agents import outages as outages_module
from agents.bridge import Bridge
from agents.bridge_jobs import BridgeJob


@pytest.fixture
def lines(caplog):
    caplog.set_level("WARNING")
    outages_module.outages.end()
    caplog.clear()
    yield lambda: [record.getMessage() for record in caplog.records]
    outages_module.outages.end()


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_job_is_repeated_through_an_outage_with_one_line(lines, error, db):
    bridge = Bridge("here")
    runs = []

    def run():
        runs.append(1)
        if len(runs) == 5:
            bridge._stopping.set()
        raise error("gone")

    bridge._repeat(BridgeJob("sums", run, every_seconds=0))
    assert len(runs) == 5
    assert lines() == ["the database is away, waiting for it: gone"]


def test_other_failures_of_a_job_are_logged_each_time(lines, db):
    bridge = Bridge("here")

    def run():
        bridge._stopping.set()
        raise ValueError("a defect")

    bridge._repeat(BridgeJob("sums", run, every_seconds=0))
    assert lines() == ["sums failed; it is tried again"]


def test_look_at_sessions_outlives_an_outage(lines, db, monkeypatch):
    bridge = Bridge("here")
    monkeypatch.setattr("agents.bridge.connection.close", lambda: None)
    with monkeypatch.context() as patch:
        patch.setattr(
            Bridge, "_link_sessions", lambda self: (_ for _ in ()).throw(OperationalError("x"))
        )
        bridge._look_at_sessions()
        bridge._look_at_sessions()
    bridge._look_at_sessions()
    assert [line[:20] for line in lines()] == ["the database is away", "the database is back"]
