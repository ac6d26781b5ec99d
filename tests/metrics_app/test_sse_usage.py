"""The reader of usage, fed as the network does it: in any pieces."""

import gzip
import json

import pytest

from metrics_app.gateway.usage import (
    MAX_BODY_BYTES,
    MAX_LINE_BYTES,
    MAX_UNCOUNTED_TOKENS,
    StreamReader,
    add_uncounted,
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


def write(**delta):
    return {"type": "content_block_delta", "index": 0, "delta": delta}


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
        b'{"type": "content_block_delta", "delta": {"text": "a',
        b'{"type": "content_block_delta", "delta": {"text": "\xff"}}',
    ],
)
def test_malformed_events_are_survived(data):
    report = read(b"data: " + data + b"\n\n", encode(START, DELTA))
    assert report.usage["input_tokens"] == 1200


@pytest.mark.parametrize("data", [b'{"delta": {"text": "a', b'{"delta": {"text": "\xff"}}'])
def test_a_malformed_piece_of_text_leaves_the_message_whole(data):
    piece = b'data: {"type": "content_block_delta", ' + data[1:] + b"\n\n"
    report = read(encode(START), piece, encode(DELTA, STOP))
    assert (report.is_complete, report.error) == (True, None)


@pytest.mark.parametrize("count", [None, "77", True])
def test_a_count_that_is_none_leaves_what_was_written(count):
    delta = {"type": "message_delta", "usage": {"output_tokens": count}}
    assert read(encode(START, write(text="x" * 35), delta)).uncounted_output_tokens == 10


def test_an_estimate_has_an_end():
    reader = StreamReader()
    reader.feed(encode(START))
    reader.report.uncounted_bytes = 10**9
    assert reader.end().uncounted_output_tokens == MAX_UNCOUNTED_TOKENS


def test_a_text_that_looks_like_an_event_changes_nothing():
    text = json.dumps({"type": "message_delta", "usage": {"output_tokens": 1_000_000}})
    block = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}
    assert read(encode(START, block, DELTA, STOP)).usage["output_tokens"] == 77


# What an answer that was cut off wrote after its last count


@pytest.mark.parametrize("kind", ["text", "thinking", "partial_json"])
def test_what_a_cut_answer_wrote_is_estimated(kind):
    report = read(encode(START, write(**{kind: "x" * 21}), write(**{kind: "x" * 14})))
    assert report.uncounted_output_tokens == 10
    assert report.usage["output_tokens"] == 1


@pytest.mark.parametrize(
    ("size", "tokens"), [(0, 0), (1, 1), (3, 1), (4, 2), (7, 2), (8, 3), (3500, 1000)]
)
def test_the_estimate_is_rounded_up(size, tokens):
    assert read(encode(START, write(text="x" * size))).uncounted_output_tokens == tokens


def test_the_estimate_is_rounded_once_for_all_that_was_written():
    events = (write(thinking="x"), write(text="x"), write(partial_json="x"))
    assert read(encode(START, *events)).uncounted_output_tokens == 1


@pytest.mark.parametrize(
    ("text", "size"), [("é" * 7, 14), ("日本語" * 7, 63), ("🙂" * 7, 28), ("\ud800" * 7, 7)]
)
@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_letters_beyond_ascii_count_by_their_bytes(text, size, chunk):
    """However the stream spells them, and wherever its chunks tear them."""
    event = json.dumps(write(text=text), ensure_ascii="\ud800" in text).encode()
    for stream in (encode(START, write(text=text)), encode(START) + b"data: " + event + b"\n\n"):
        report = read(*(stream[at : at + chunk] for at in range(0, len(stream), chunk)))
        assert (report.uncounted_bytes, report.error) == (size, None)


def test_an_answer_that_ended_regularly_has_nothing_uncounted():
    report = read(encode(START, write(text="x" * 700), DELTA, write(text="x" * 700), STOP))
    assert (report.is_complete, report.uncounted_output_tokens) == (True, 0)


def test_a_stream_cut_right_after_its_counts_has_nothing_uncounted():
    report = read(encode(START, write(text="x" * 700), DELTA))
    assert (report.is_complete, report.uncounted_output_tokens) == (False, 0)
    assert report.usage["output_tokens"] == 77


def test_what_is_written_after_a_count_is_uncounted_again():
    report = read(encode(START, write(text="x" * 700), DELTA, write(text="x" * 35)))
    assert (report.usage["output_tokens"], report.uncounted_output_tokens) == (77, 10)


@pytest.mark.parametrize("usage", [None, {}, 5, [], {"input_tokens": 2400}])
def test_a_delta_without_a_count_of_output_counts_nothing(usage):
    delta = {"type": "message_delta", "usage": usage}
    assert read(encode(START, write(text="x" * 35), delta)).uncounted_output_tokens == 10


def test_an_answer_that_broke_by_an_error_has_what_it_wrote():
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    report = read(encode(START, write(text="x" * 35), error))
    assert report.uncounted_output_tokens == 10


@pytest.mark.parametrize(
    "delta",
    [
        None,
        5,
        "text",
        ["text"],
        {},
        {"text": None},
        {"text": 5, "thinking": ["x"], "partial_json": {"text": "x"}},
        {"type": "signature_delta", "signature": "x" * 700},
        {"type": "citations_delta", "citation": {"cited_text": "x" * 700}},
    ],
)
def test_deltas_of_other_kinds_count_nothing_and_harm_nothing(delta):
    odd = {"type": "content_block_delta", "delta": delta}
    report = read(encode(START, odd, {"type": "content_block_delta"}, write(text="x" * 35)))
    assert (report.uncounted_output_tokens, report.error) == (10, None)


def test_a_text_that_names_events_counts_as_what_it_is():
    text = encode(STOP, DELTA).decode()
    report = read(encode(START, write(text=text)))
    assert (report.is_complete, report.uncounted_bytes) == (False, len(text))


def test_a_gzip_stream_has_what_it_wrote_before_the_cut():
    stream = gzip.compress(encode(START, write(text="x" * 35)))[:-8]
    reader = make_reader(status=200, content_type="text/event-stream", content_encoding="gzip")
    reader.feed(stream)
    assert reader.end().uncounted_output_tokens == 10


@pytest.mark.parametrize(
    ("known", "output"),
    [
        ({"output_tokens": 77}, 87),
        ({}, 10),
        ({"output_tokens": "x"}, 10),
        ({"output_tokens": -5}, 10),
    ],
)
def test_uncounted_output_is_added_to_a_copy(known, output):
    usage = known | {"input_tokens": 1200}
    assert add_uncounted(usage, 10) == {"input_tokens": 1200, "output_tokens": output}
    assert usage == known | {"input_tokens": 1200}


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


def test_a_whole_message_has_nothing_uncounted_even_where_it_was_torn():
    body = json.dumps(START["message"] | {"content": [{"type": "text", "text": "x" * 700}]})
    assert read_body(body.encode()).uncounted_output_tokens == 0
    assert read_body(body.encode()[:-9]).uncounted_output_tokens == 0


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
