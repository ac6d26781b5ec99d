import csv
import io
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync

from metrics_app import exports
from metrics_app.exports import COLUMNS, format_cost, make_cell, read_rows, stream_csv
from metrics_app.models import UsageRecord
from tests.metrics_app.conftest import STARTED


def read_portions(records):
    async def gather():
        return [portion async for portion in stream_csv(records)]

    return async_to_sync(gather)()


def read_csv(records):
    return list(csv.DictReader(io.StringIO("".join(read_portions(records)), newline="")))


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-x", "'-x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("fixer = 1", "fixer = 1"),
        ("", ""),
        (None, None),
        (-1, -1),
        (True, "true"),
        (False, "false"),
    ],
)
def test_no_cell_is_a_formula(value, cell):
    assert make_cell(value) == cell


@pytest.mark.parametrize(
    ("cost", "text"),
    [("0.0091400000", "0.00914"), ("10.0000000000", "10"), ("0E-10", "0"), (None, None)],
)
def test_costs_keep_their_digits(cost, text):
    assert format_cost(None if cost is None else Decimal(cost)) == text


@pytest.mark.django_db
def test_a_row_says_what_the_record_says(agent, make_record):
    record = make_record(
        agent, cache_read_tokens=5000, first_byte_ms=12.5, message_id="msg_1", status=200
    )
    (row,) = read_rows(UsageRecord.objects.all())
    assert row.keys() == COLUMNS.keys()
    assert row["id"] == record.pk
    assert (row["user"], row["agent"], row["workspace"]) == ("alice", "fixer", "/srv/code")
    assert (row["cache_read_tokens"], row["first_byte_ms"], row["complete"]) == (5000, 12.5, True)
    assert (row["cost_usd"], row["message_id"]) == ("0.00914", "msg_1")


@pytest.mark.django_db
def test_a_row_says_how_much_of_the_output_nobody_counted(agent, make_record):
    make_record(agent, complete=False, output_tokens=1077, uncounted_output_tokens=1000)
    (row,) = read_csv(UsageRecord.objects.all())
    assert (row["output_tokens"], row["uncounted_output_tokens"]) == ("1077", "1000")


@pytest.mark.django_db
def test_times_are_utc(agent, make_record):
    tokyo = timezone(timedelta(hours=9))
    make_record(agent, started_at=datetime(2026, 11, 24, 2, 0, tzinfo=tokyo))
    (row,) = read_rows(UsageRecord.objects.all())
    assert row["time"] == "2026-11-23T17:00:00.000000+00:00"


@pytest.mark.django_db
def test_an_unknown_cost_is_empty_and_not_0(agent, make_record):
    make_record(agent, cost_usd=None, is_unpriced=True)
    (row,) = read_csv(UsageRecord.objects.all())
    assert (row["cost_usd"], row["is_unpriced"]) == ("", "true")


@pytest.mark.django_db
def test_names_in_the_file_are_no_formulas_and_break_no_line(alice, make_agent, make_record):
    make_record(make_agent(alice, '=HYPERLINK("http://x"),"\n'))
    (row,) = read_csv(UsageRecord.objects.all())
    assert row["agent"] == '\'=HYPERLINK("http://x"),"\n'


@pytest.mark.django_db
def test_portions_are_bounded_and_miss_and_double_nothing(agent, make_record, monkeypatch):
    monkeypatch.setattr(exports, "ROWS_A_PORTION", 4)
    # Several calls share a moment, also across the end of a portion; late ones came in early.
    moments = [STARTED + timedelta(seconds=number // 3) for number in range(10)]
    for moment in reversed(moments):
        make_record(agent, started_at=moment)
    portions = read_portions(UsageRecord.objects.all())
    assert [portion.count("\r\n") for portion in portions] == [1, 4, 4, 2]
    rows = list(csv.DictReader(io.StringIO("".join(portions), newline="")))
    assert [datetime.fromisoformat(row["time"]) for row in rows] == moments
    assert len({row["id"] for row in rows}) == 10
    assert all(datetime.fromisoformat(row["time"]).tzinfo == UTC for row in rows)


@pytest.mark.django_db
def test_no_calls_are_headings_alone():
    assert "".join(read_portions(UsageRecord.objects.all())) == ",".join(COLUMNS) + "\r\n"
