import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError
from django.db.models import ProtectedError
from django.utils import timezone

from agents.models import AgentSession
from metrics_app.models import DailyUsage, SpoolCheckpoint, UsageRecord
from metrics_app.querysets import UsageTotals

pytestmark = pytest.mark.django_db


def visible_to(user):
    return set(UsageRecord.objects.visible_to(user))


def test_a_user_sees_own_calls_only(agent, alice, bob, charlie, make_agent, make_record):
    mine, theirs = make_record(agent), make_record(make_agent(bob))
    assert visible_to(alice) == {mine}
    assert visible_to(bob) == {theirs}
    assert visible_to(charlie) == set()


def test_staff_see_everyones_calls(agent, bob, staff, make_agent, make_record):
    records = {make_record(agent), make_record(make_agent(bob))}
    assert visible_to(staff) == records


def test_nobody_who_is_not_logged_in_sees_any(agent, make_record):
    make_record(agent)
    assert visible_to(AnonymousUser()) == set()


def test_calls_of_a_deleted_agent_stay_visible(alice, make_agent, make_record):
    record = make_record(make_agent(alice, deleted_at=timezone.now()))
    assert visible_to(alice) == {record}


def test_neither_agent_nor_user_can_be_deleted_under_their_calls(agent, alice, make_record):
    make_record(agent)
    with pytest.raises(ProtectedError):
        agent.delete()
    with pytest.raises(ProtectedError):
        alice.delete()


def test_a_call_outlives_its_session(agent, make_record):
    session = AgentSession.objects.create(agent=agent, number=1)
    record = make_record(agent, session=session)
    session_id = session.pk
    session.delete()
    record = UsageRecord.objects.select_related("session").get()
    assert (record.session, record.session_id) == (None, session_id)


def test_an_attempt_is_stored_once(agent, make_record):
    attempt_id = uuid.uuid4()
    make_record(agent, attempt_id=attempt_id)
    with pytest.raises(IntegrityError):
        make_record(agent, attempt_id=attempt_id)


def test_a_node_has_one_checkpoint_a_file():
    SpoolCheckpoint.objects.create(node="a", name="usage-1.jsonl")
    SpoolCheckpoint.objects.create(node="b", name="usage-1.jsonl")
    with pytest.raises(IntegrityError):
        SpoolCheckpoint.objects.create(node="a", name="usage-1.jsonl")


def test_totals_of_nothing_are_zero():
    assert UsageRecord.objects.totals() == UsageTotals()


def test_totals_sum_tokens_and_flags(agent, make_record):
    make_record(agent, cache_write_5m_tokens=2, cache_write_1h_tokens=3, cache_read_tokens=7)
    make_record(agent, cost_usd=None, is_unpriced=True)
    make_record(agent, is_estimated=True)
    totals = UsageRecord.objects.totals()
    assert totals.cost_usd == Decimal("0.01828")
    assert (totals.calls, totals.input_tokens, totals.output_tokens) == (3, 3600, 231)
    assert (totals.cache_write_tokens, totals.cache_read_tokens) == (5, 7)
    assert (totals.unpriced, totals.estimated) == (1, 1)


def test_counting_tokens_is_no_call(agent, make_record):
    make_record(agent, kind="count_tokens", cost_usd=0, input_tokens=0, output_tokens=0)
    assert UsageRecord.objects.totals().calls == 0


@pytest.mark.parametrize("cost", ["0.1", "0.00914", "0.0000000001", "1234.5678912345"])
def test_sums_of_money_are_exact(agent, cost):
    UsageRecord.objects.bulk_create(
        UsageRecord(
            attempt_id=uuid.uuid4(),
            user=agent.owner,
            agent=agent,
            started_at=timezone.now(),
            kind="messages",
            complete=True,
            streamed=True,
            cost_usd=Decimal(cost),
        )
        for _ in range(30)
    )
    totals = UsageRecord.objects.totals()
    assert totals.cost_usd == 30 * Decimal(cost).quantize(Decimal("1e-10"))
    assert isinstance(totals.cost_usd, Decimal)


def test_only_unpriced_calls_make_the_cost_unknown():
    assert UsageTotals(calls=1, unpriced=1).is_unknown
    assert not UsageTotals(calls=2, unpriced=1, cost_usd=Decimal(1)).is_unknown
    assert not UsageTotals(calls=1).is_unknown


def test_totals_by_agent_take_one_query(
    agent, bob, make_agent, make_record, django_assert_num_queries
):
    other = make_agent(bob)
    make_record(agent)
    make_record(agent)
    make_record(other)
    with django_assert_num_queries(1):
        totals = DailyUsage.objects.totals_by_agent()
    assert totals[agent.pk].cost_usd == Decimal("0.01828")
    assert totals[other.pk].calls == 1


def test_since_includes_its_first_moment(agent, make_record):
    record = make_record(agent)
    at = record.started_at
    assert UsageRecord.objects.since(at).count() == 1
    assert UsageRecord.objects.since(at + timedelta(microseconds=1)).count() == 0
    assert UsageRecord.objects.since(None).count() == 1
