from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import AgentViewer
from agents.services.presence import (
    STAYS,
    forget_gone,
    forget_viewer,
    names_of_viewers,
    note_viewer,
)


@pytest.fixture
def now():
    return timezone.now()


def test_who_looks_is_named_once_and_by_name(agent, alice, bob, now):
    for user in (bob, alice, bob):
        note_viewer(agent.pk, user, now)
    assert names_of_viewers(agent, now) == ["alice", "bob"]


def test_who_falls_silent_is_gone(agent, alice, bob, now):
    note_viewer(agent.pk, alice, now)
    note_viewer(agent.pk, bob, now + STAYS)
    later = now + STAYS + timedelta(seconds=1)
    assert names_of_viewers(agent, later) == ["bob"]
    forget_gone(later)
    assert [viewer.user for viewer in AgentViewer.objects.all()] == [bob]


def test_who_leaves_is_gone_at_once(agent, alice, now):
    note_viewer(agent.pk, alice, now)
    for _ in range(2):
        forget_viewer(agent.pk, alice)
    assert names_of_viewers(agent, now) == []


def test_silence_is_told_within_half_a_minute():
    assert timedelta(seconds=30) >= STAYS
