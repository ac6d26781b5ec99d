"""What a line of the spool says, and which lines of a file are read."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from metrics_app import spool as spool_module
from metrics_app.spool import SpoolLineError, parse_line, read_batch

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


@pytest.fixture
def parse(make_line):
    return lambda **fields: parse_line(json.dumps(make_line(**fields)).encode(), now=NOW)


def lines_of(content, *, start=0, take_torn=False):
    return read_batch(io.BytesIO(content), start, take_torn=take_torn)


def test_it_reads_whole_lines_from_the_offset():
    batch = lines_of(b"old\none\ntwo\n", start=4)
    assert batch.lines == (b"one\n", b"two\n")
    assert batch.end == 12


def test_it_leaves_a_torn_line_for_later():
    batch = lines_of(b"one\ntw")
    assert batch.lines == (b"one\n",)
    assert batch.end == 4


def test_it_takes_a_torn_line_when_told():
    batch = lines_of(b"one\ntw", take_torn=True)
    assert batch.lines == (b"one\n", b"tw")
    assert batch.end == 6


def test_nothing_new_moves_nothing():
    assert lines_of(b"one\n", start=4).end == 4


def test_it_passes_over_an_oversized_line_and_goes_on(monkeypatch):
    monkeypatch.setattr(spool_module, "MAX_LINE_BYTES", 10)
    batch = lines_of(b"x" * 35 + b"\none\n")
    assert batch.lines == (b"one\n",)
    assert batch.oversized == 1
    assert batch.end == 40


def test_an_oversized_line_without_end_is_left_for_later(monkeypatch):
    monkeypatch.setattr(spool_module, "MAX_LINE_BYTES", 10)
    assert lines_of(b"x" * 35).end == 0
    assert lines_of(b"x" * 35, take_torn=True).end == 35


def test_a_batch_is_bounded_in_lines(monkeypatch):
    monkeypatch.setattr(spool_module, "MAX_BATCH_LINES", 2)
    assert lines_of(b"1\n2\n3\n").lines == (b"1\n", b"2\n")


def test_a_batch_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(spool_module, "MAX_BATCH_BYTES", 3)
    assert lines_of(b"1\n2\n3\n").lines == (b"1\n", b"2\n")


def test_a_good_line_is_understood_without_problems(parse):
    line = parse(claude_session_id="abc", retry_count=2)
    assert line.kind == "messages"
    assert line.claude_session_id == "abc"
    assert line.retry_count == 2
    assert line.problems == ()


def test_unknown_fields_pass(parse):
    assert parse(colour="blue").problems == ()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"nonsense\n",
        b'{"version": 1',
        b"[]\n",
        b"17\n",
        b"null\n",
        b"{}\n",
        b"\xff\xfe{}\n",
        b"\x00" * 50,
        b'{"version": NaN}\n',
        b"[" * 100_000,
        b'{"version": ' + b"9" * 5000 + b"}\n",
    ],
)
def test_a_line_that_is_no_object_of_ours_is_refused(raw):
    with pytest.raises(SpoolLineError):
        parse_line(raw, now=NOW)


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 2},
        {"version": None},
        {"id": None},
        {"id": "x"},
        {"id": 5},
        {"id": ["a"]},
        {"agent_id": "../../etc"},
        {"agent_id": [1]},
        {"started_at": None},
        {"started_at": "yesterday"},
        {"started_at": 1234567890},
    ],
)
def test_a_line_that_cannot_be_attributed_is_refused(parse, fields):
    with pytest.raises(SpoolLineError):
        parse(**fields)


@pytest.mark.parametrize(
    ("field", "value", "taken"),
    [
        ("kind", "banana", "other"),
        ("kind", ["messages"], "other"),
        ("status", 99, None),
        ("status", -200, None),
        ("status", "200", None),
        ("status", True, None),
        ("complete", "yes", False),
        ("complete", None, False),
        ("streamed", 1, False),
        ("model", 17, ""),
        ("error", {"a": 1}, ""),
        ("retry_count", -1, 0),
        ("retry_count", 10**30, 0),
        ("uncounted_output_tokens", -1, 0),
        ("uncounted_output_tokens", 5.0, 0),
        ("uncounted_output_tokens", True, 0),
        ("uncounted_output_tokens", "5", 0),
        ("uncounted_output_tokens", [5], 0),
        ("uncounted_output_tokens", 1_000_001, 0),
        ("total_ms", -1, None),
        ("total_ms", 10**400, None),
        ("total_ms", "fast", None),
        ("usage", "much", None),
        ("usage", [1], None),
    ],
)
def test_a_wrong_value_is_replaced_and_named(parse, field, value, taken):
    line = parse(**{field: value})
    assert getattr(line, field) == taken
    assert line.problems == (field,)


@pytest.mark.parametrize("tokens", [0, 1, 1_000_000])
def test_uncounted_tokens_are_taken_up_to_a_million(parse, tokens):
    line = parse(uncounted_output_tokens=tokens)
    assert (line.uncounted_output_tokens, line.problems) == (tokens, ())


def test_a_line_older_than_uncounted_tokens_has_none(parse, make_line):
    assert "uncounted_output_tokens" not in make_line()
    for line in (parse(), parse(uncounted_output_tokens=None)):
        assert (line.uncounted_output_tokens, line.problems) == (0, ())


def test_an_infinite_duration_is_refused(make_line):
    raw = json.dumps(make_line(total_ms=1)).replace('"total_ms": 1', '"total_ms": 1e999')
    assert parse_line(raw.encode(), now=NOW).problems == ("total_ms",)


@pytest.mark.parametrize("moment", [NOW + timedelta(days=400), datetime(1970, 1, 1, tzinfo=UTC)])
def test_an_impossible_time_becomes_now(parse, moment):
    line = parse(started_at=moment.isoformat())
    assert line.started_at == NOW
    assert line.problems == ("started_at",)


def test_a_time_without_a_zone_is_utc(parse):
    assert parse(started_at="2026-11-23T17:00:00").started_at.tzinfo is UTC


def test_texts_are_cut_and_safe_to_store(parse):
    line = parse(model="m" * 999, error="a\0b\ud800c")
    assert len(line.model) == 200
    assert line.error == "ab?c"


def test_the_raw_usage_is_safe_to_store(make_line):
    raw = json.dumps(make_line(usage={"a\0": ["\ud800", {"x": 5}]}))
    assert parse_line(raw.encode(), now=NOW).usage == {"a": ["?", {"x": 5}]}


def test_infinity_in_the_raw_usage_is_left_out(make_line):
    raw = json.dumps(make_line(usage={"x": "HUGE"})).replace('"HUGE"', "1e999")
    assert parse_line(raw.encode(), now=NOW).usage == {"x": None}
