import uuid
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from metrics_app.inserting import insert_rows
from metrics_app.models import UsageRecord
from tests.metrics_app.conftest import STARTED

pytestmark = pytest.mark.django_db


@pytest.fixture
def make_row(agent):
    def make(**fields):
        return UsageRecord(
            **{
                "attempt_id": uuid.uuid4(),
                "user": agent.owner,
                "agent": agent,
                "started_at": STARTED,
                "kind": "messages",
                "complete": True,
                "streamed": True,
            }
            | fields
        )

    return make


def test_rows_are_stored_as_they_are(make_row):
    row = make_row(
        status=200,
        model="claude-opus-5-5",
        raw_usage={"a": [1, "é", None]},
        cost_usd=Decimal("0.0000000001"),
        first_byte_ms=1.5,
        input_tokens=2**40,
    )
    insert_rows([row, make_row()])
    stored = UsageRecord.objects.get(attempt_id=row.attempt_id)
    for field in UsageRecord._meta.concrete_fields:
        if not field.primary_key:
            assert getattr(stored, field.attname) == getattr(row, field.attname), field.name
    assert UsageRecord.objects.count() == 2


def test_no_rows_are_nothing_to_do(django_assert_num_queries):
    with django_assert_num_queries(0):
        insert_rows([])


def test_all_are_stored_or_none(make_row):
    twice = make_row()
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows([make_row(), twice, make_row(attempt_id=twice.attempt_id)])
    assert not UsageRecord.objects.exists()
