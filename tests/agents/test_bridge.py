"""The bridge without its engine: what it does while the database is away."""

import pytest
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from agents import outages as outages_module
from agents.bridge import Bridge
from agents.bridge_jobs import BridgeJob
from agents.models import Agent, AgentSession
from tests.agents.factories import make_agent, make_session


@pytest.fixture
def lines(caplog, monkeypatch):
    # It is the test's own.
    monkeypatch.setattr("agents.bridge.connection.close", lambda: None)
    caplog.set_level("WARNING")
    outages_module.outages.end()
    caplog.clear()
    yield lambda: [
        record.getMessage() for record in caplog.records if record.name.startswith("agents.")
    ]
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
    with monkeypatch.context() as patch:
        patch.setattr(
            Bridge, "_link_sessions", lambda self: (_ for _ in ()).throw(OperationalError("x"))
        )
        bridge._look_at_sessions()
        bridge._look_at_sessions()
    bridge._look_at_sessions()
    assert [line[:20] for line in lines()] == ["the database is away", "the database is back"]


class FakeLink:
    is_alive = True

    def __init__(self, session, *, on_change):
        self.wakes = 0
        self.starts = 0

    def start(self):
        self.starts += 1

    def wake(self):
        self.wakes += 1


def test_link_is_woken_when_its_session_has_something_to_tell(session, alice, monkeypatch):
    monkeypatch.setattr("agents.bridge.SessionLink", FakeLink)
    Agent.objects.update(node="here")
    AgentSession.objects.update(container_id="c1", initialized_at=timezone.now())
    bridge = Bridge("here")
    bridge._link_sessions()
    bridge._link_sessions()
    link = bridge.links[session.pk]
    assert (link.starts, link.wakes) == (1, 0)
    session.agent.prompts.create(author=alice, text="Hello")
    bridge._link_sessions()
    assert (link.starts, link.wakes) == (1, 1)
    link.is_alive = False
    bridge._link_sessions()
    assert bridge.links[session.pk] is not link


@pytest.mark.parametrize("count", [1, 5])
def test_look_takes_as_many_queries_for_many_agents(
    agent, alice, count, monkeypatch, django_assert_num_queries
):
    monkeypatch.setattr("agents.bridge.SessionLink", FakeLink)
    for _ in range(count):
        make_session(make_agent(alice))
    Agent.objects.update(node="here")
    AgentSession.objects.update(container_id="c")
    bridge = Bridge("here")
    bridge._link_sessions()
    with django_assert_num_queries(2):
        bridge._link_sessions()
