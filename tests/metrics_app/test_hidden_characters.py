"""Names that agents or users choose do not reorder or hide what a page of costs says."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from metrics_app.models import TurnCost

pytestmark = pytest.mark.django_db

REORDERING = "a\u202eb"
SPELLED_OUT = "a⟨U+202E⟩b"


@pytest.fixture
def hostile(alice, make_agent, make_record):
    """An agent whose every name has a right-to-left override, with a turn of one call."""
    agent = make_agent(alice, REORDERING, workspace=f"/srv/{REORDERING}")
    session = agent.sessions.create(number=1)
    ended_at = timezone.now() - timedelta(seconds=10)
    names = dict.fromkeys(("model", "tool_name", "subagent"), REORDERING)
    make_record(agent, session=session, turn=1, started_at=ended_at, **names)
    TurnCost.objects.create(
        agent=agent, session=session, turn=1, result_seq=1, ended_at=ended_at, cli_total_usd=0
    )
    return agent


def read(client, url, **query):
    """What a reader sees: the values of options are as they are."""
    return re.sub(r'(?:value|href|hx-get)="[^"]*"', "", client.get(url, query).text)


@pytest.mark.parametrize("user", ["alice", "staff"])
@pytest.mark.parametrize("by", ["model", "workspace"])
def test_the_dashboard(client, hostile, user, by, request):
    client.force_login(request.getfixturevalue(user))
    query = {"by": by, "agent": hostile.pk, "model": REORDERING, "workspace": hostile.workspace}
    text = read(client, reverse("metrics_home"), **query)
    assert SPELLED_OUT in text
    assert "\u202e" not in text


@pytest.mark.parametrize("by", ["agent", "model", "workspace"])
def test_reports(client, hostile, alice, by):
    client.force_login(alice)
    text = read(client, reverse("metrics_reports"), by=by)
    assert SPELLED_OUT in text
    assert "\u202e" not in text


def test_turns(client, hostile, alice):
    client.force_login(alice)
    for url in (
        reverse("metrics_reconciliation"),
        reverse("metrics_turn", args=[hostile.turn_costs.get().pk]),
        reverse("metrics_prices"),
    ):
        text = read(client, url, show="all")
        assert SPELLED_OUT in text
        assert "\u202e" not in text
