"""What is kept of days is what they are now, and of those who may see it."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from agents.models import AgentSession
from metrics_app.dashboard import days as kept
from metrics_app.dashboard.days import Cost, read_days
from metrics_app.dashboard.selection import DashboardSelection
from metrics_app.models import UsageRecord
from metrics_app.ranges import DayRange
from metrics_app.rollups import RollupChange
from tests.metrics_app.conftest import OPUS, STARTED

pytestmark = pytest.mark.django_db

DAY = STARTED.date()
WEEK = DayRange(DAY - timedelta(days=6), DAY + timedelta(days=1))


@pytest.fixture
def read(alice):
    def read(viewer=alice, **chosen):
        return read_days(DashboardSelection(days=WEEK, **chosen), viewer, WEEK)

    return read


@pytest.fixture
def change():
    """Gives a call other fields, as repricing and the join with the transcript do."""

    def change(record, **fields):
        sums = RollupChange()
        sums.remove(record)
        UsageRecord.objects.filter(pk=record.pk).update(**fields)
        sums.add(UsageRecord.objects.get(pk=record.pk))
        sums.write()

    return change


def test_days_without_calls_are_left_out(agent, make_record, read):
    make_record(agent)
    assert list(read()) == [DAY]


def test_a_late_call_is_seen_at_once_and_other_days_are_not_read(
    agent, make_record, read, django_assert_num_queries
):
    make_record(agent)
    make_record(agent, started_at=STARTED - timedelta(days=3))
    before = read()
    make_record(agent, started_at=STARTED - timedelta(days=3))
    with django_assert_num_queries(3):
        after = read()
    late = DAY - timedelta(days=3)
    assert [days[late].usage[OPUS].calls for days in (before, after)] == [1, 2]
    assert after[DAY] is before[DAY]


def test_another_price_is_seen_at_once(agent, make_record, read, change):
    record = make_record(agent)
    read()
    change(record, cost_usd=Decimal(2))
    costs = {UUID(text): cost for text, cost in read()[DAY].costs["agents"].items()}
    assert costs == {agent.pk: Cost(1, 0, 2 * 10**10)}


def test_a_call_that_moves_to_a_session_is_seen_at_once(agent, make_record, read, change):
    record = make_record(agent)
    assert read()[DAY].costs["sessions"] == {}
    session = AgentSession.objects.create(agent=agent, number=1)
    change(record, session=session)
    assert list(read()[DAY].costs["sessions"]) == [session.pk]


def test_what_staff_see_is_not_shown_to_others(alice, bob, staff, make_agent, make_record, read):
    make_record(make_agent(alice))
    make_record(make_agent(bob))
    assert read(staff)[DAY].usage[OPUS].calls == 2
    assert read(alice)[DAY].usage[OPUS].calls == 1
    assert list(read(bob)[DAY].costs["users"]) == [bob.pk]
    assert read(alice, user_id=bob.pk) == {}


def test_each_filter_has_days_of_its_own(alice, staff, make_agent, make_record, read):
    for place in ("/srv/a", "/srv/b"):
        agent = make_agent(alice, workspace=place)
        make_record(agent, model=f"model-{place[-1]}")
    assert list(read(staff, workspace="/srv/a")[DAY].usage) == ["model-a"]
    assert list(read(staff, agent_id=agent.pk)[DAY].costs["workspaces"]) == ["/srv/b"]
    assert list(read(staff, model="model-a")[DAY].costs["workspaces"]) == ["/srv/a"]
    assert len(read(staff)[DAY].usage) == 2


def test_sums_of_several_rows_are_one(agent, make_record, read):
    sessions = [
        AgentSession.objects.create(agent=agent, number=number, ended_at=STARTED)
        for number in (1, 2)
    ]
    for session in sessions:
        make_record(agent, session=session, total_ms=5)
    day = read(agent_id=agent.pk)[DAY]
    assert (day.usage[OPUS].calls, sum(day.latencies[OPUS])) == (2, 2)
    costs = (*day.costs["agents"].values(), *day.costs["sessions"].values())
    assert [cost.calls for cost in costs] == [2, 1, 1]


def test_models_that_never_answered_have_no_latencies(agent, make_record, read):
    make_record(agent, total_ms=5)
    make_record(agent, model="", requested_model="made-up", status=404, cost_usd=None, total_ms=5)
    day = read()[DAY]
    assert set(day.usage) == {OPUS, "made-up"}
    assert set(day.latencies) == {OPUS}


def test_where_not_all_fit_the_newest_days_are_kept(
    agent, make_record, read, monkeypatch, django_assert_num_queries
):
    for days in range(4):
        make_record(agent, started_at=STARTED - timedelta(days=days))
    monkeypatch.setattr(kept._kept, "max_size", 2 * read()[DAY].size)
    before, after = read(), read()
    assert [day for day in after if after[day] is before[day]] == [DAY - timedelta(days=1), DAY]
