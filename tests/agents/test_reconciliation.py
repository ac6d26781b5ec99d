from datetime import timedelta

import pytest
from django.utils import timezone

from agents import containers
from agents.models import Agent, AgentSession
from agents.reconciliation import reconcile


@pytest.fixture
def engine(monkeypatch):
    """What the engine lists, and what was removed from it."""
    found, removed = [], []
    monkeypatch.setattr(containers, "list_ours", lambda node: found)
    monkeypatch.setattr(containers, "remove", removed.append)
    return found, removed


def summary(agent, number=1):
    return containers.ContainerSummary(
        "c1", f"cam-{agent.pk}-{number}", str(agent.pk), number, "running"
    )


def test_container_of_an_open_session_stays(engine, agent):
    AgentSession.objects.update(container_id="c1")
    engine[0].append(summary(agent))
    assert reconcile("local") == 0
    assert engine[1] == []


def test_container_that_is_being_started_stays(engine, agent):
    engine[0].append(summary(agent))
    # A broker that was down for a while has it started late.
    AgentSession.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert reconcile("local") == 0


@pytest.mark.parametrize("change", ["ended", "other number", "deleted"])
def test_container_without_a_session_goes(engine, agent, change):
    AgentSession.objects.update(container_id="c1")
    if change == "ended":
        AgentSession.objects.update(ended_at=timezone.now())
    if change == "deleted":
        Agent.objects.update(deleted_at=timezone.now())
    engine[0].append(summary(agent, number=2 if change == "other number" else 1))
    assert reconcile("local") == 1
    assert engine[1] == ["c1"]
