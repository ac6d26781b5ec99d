"""The reader of usage, fed as the network does it: in any pieces."""

import gzip
import json

import pytest

from metrics_app.gateway.usage import (
    MAX_BODY_BYTES,
    MAX_LINE_BYTES,
    StreamReader,
    make_reader,
    merge_usage,
)

START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "model": "claude-opus-5-5",
        "usage": {
            "input_tokens": 1200,
            "cache_creation_input_tokens": 300,
            "cache_read_input_tokens": 5000,
            "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
            "output_tokens": 1,
            "service_tier": "standard",
        },
    },
}
DELTA = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 77}}
STOP = {"type": "message_stop"}


def encode(*events):
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events
    )


def read(*chunks):
    reader = StreamReader()
    for chunk in chunks:
        reader.feed(chunk)
    return reader.end()


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_pieces_of_any_size_read_the_same(size):
    stream = encode(START, DELTA, STOP)
    report = read(*(stream[at : at + size] for at in range(0, len(stream), size)))
    assert report.usage == START["message"]["usage"] | {"output_tokens": 77}
    assert (report.message_id, report.model) == ("msg_1", "claude-opus-5-5")
    assert report.is_complete


def test_carriage_returns_and_comments_are_tolerated():
    stream = b": comment\n" + encode(START, DELTA, STOP)
    assert read(stream.replace(b"\n", b"\r\n")).is_complete


def test_counts_of_several_deltas_overwrite_each_other():
    later = {"type": "message_delta", "usage": {"output_tokens": 90, "input_tokens": 2400}}
    usage = read(encode(START, DELTA, later, STOP)).usage
    assert (usage["output_tokens"], usage["input_tokens"]) == (90, 2400)


def test_zeros_in_a_delta_do_not_erase_what_the_start_said():
    zeros = {
        "input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 150},
        "output_tokens": 0,
        "server_tool_use": {"web_search_requests": 0},
        "service_tier": None,
    }
    usage = merge_usage(START["message"]["usage"], zeros)
    assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (1200, 5000)
    assert usage["cache_creation"] == {
        "ephemeral_5m_input_tokens": 200,
        "ephemeral_1h_input_tokens": 150,
    }
    assert (usage["output_tokens"], usage["service_tier"]) == (0, "standard")
    assert usage["server_tool_use"] == {"web_search_requests": 0}


def test_a_zero_that_is_all_there_is_stays():
    assert merge_usage({}, {"input_tokens": 0}) == {"input_tokens": 0}


def test_a_stream_without_its_end_is_not_complete():
    report = read(encode(START, DELTA))
    assert not report.is_complete
    assert report.usage["output_tokens"] == 77


def test_an_error_event_is_told_and_makes_it_incomplete():
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    report = read(encode(START, error, STOP))
    assert (report.is_complete, report.error) == (False, "overloaded_error: Overloaded")


@pytest.mark.parametrize(
    "data",
    [
        b'{"type": "message_delta", "usage": {',
        b'["message_delta"]',
        b'{"type": "message_delta", "usage": 5}',
        b'{"type": "message_start", "message": "no"}',
        b'"message_stop" \xff\xfe',
        b'{"type": "message_start", "message": {"id": 5, "model": [], "usage": null}}',
    ],
)
def test_malformed_events_are_survived(data):
    report = read(b"data: " + data + b"\n\n", encode(START, DELTA))
    assert report.usage["input_tokens"] == 1200


def test_a_text_that_looks_like_an_event_changes_nothing():
    text = json.dumps({"type": "message_delta", "usage": {"output_tokens": 1_000_000}})
    block = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}
    assert read(encode(START, block, DELTA, STOP)).usage["output_tokens"] == 77


def test_an_endless_line_is_skipped_in_bounded_memory():
    reader = StreamReader()
    for _ in range(3):
        reader.feed(b"x" * MAX_LINE_BYTES)
        assert len(reader._line) <= MAX_LINE_BYTES
    reader.feed(b"\n" + encode(START, DELTA, STOP))
    assert reader.end().is_complete


def read_body(body, *, status=200, encoding=""):
    reader = make_reader(status=status, content_type="application/json", content_encoding=encoding)
    reader.feed(body[:10])
    reader.feed(body[10:])
    return reader.end()


def test_a_whole_message_is_read():
    report = read_body(json.dumps(START["message"]).encode())
    assert report.is_complete
    assert report.usage["input_tokens"] == 1200


def test_an_error_body_gives_its_type_and_message_cut():
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "x" * 1000}}
    report = read_body(json.dumps(body).encode(), status=429)
    assert report.error.startswith("rate_limit_error: xxx")
    assert len(report.error) == 300


@pytest.mark.parametrize(("body", "status"), [(b"<html>", 502), (b"[]", 500), (b"", 529)])
def test_an_error_without_json_gives_its_status(body, status):
    assert read_body(body, status=status).error == f"HTTP {status}"


def test_a_body_that_is_no_message_is_not_complete():
    assert read_body(b"<html>").error == "body is not JSON"
    assert read_body(b"x" * (MAX_BODY_BYTES + 1)).error == "body is too long to read"


def test_a_gzip_body_is_decoded_beside():
    body = gzip.compress(json.dumps(START["message"]).encode())
    assert read_body(body, encoding="gzip").usage["input_tokens"] == 1200


def test_an_unknown_encoding_is_told():
    report = read_body(b"\x0b\x02\x80brotli\x03", encoding="br")
    assert (report.is_complete, report.error) == (False, "cannot read content-encoding br")


def test_a_decompression_bomb_stays_bounded():
    bomb = gzip.compress(b"0" * (2 * MAX_BODY_BYTES))
    assert read_body(bomb, encoding="gzip").error == "body is too long to read"
