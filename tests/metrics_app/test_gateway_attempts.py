import json
from datetime import UTC, datetime

import pytest

from metrics_app.gateway.attempts import (
    DRAFT_TOKENS,
    MAX_HEAD_BYTES,
    Attempt,
    classify_path,
    read_requested_model,
    read_retry_count,
)

AGENT = "5a3f7f0e-7a52-4d6c-9a53-3a2f6f0b3c11"
STOPPED = b'data: {"type": "message_stop"}\n\n'
COUNTED = b'data: {"type": "message_delta", "usage": {"output_tokens": 77}}\n\n'


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def make_attempt(**fields):
    defaults = {"agent_id": AGENT, "method": "POST", "target": "/v1/messages", "kind": "messages"}
    return Attempt(**(defaults | fields))


def finish(attempt, cut=None):
    return json.loads(attempt.finish(cut))


def start_stream(attempt):
    attempt.start_response(
        status=200, content_type="text/event-stream", content_encoding="", request_id="req_1"
    )


def write(size):
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x" * size}}
    return b"data: " + json.dumps(delta).encode() + b"\n\n"


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("/v1/messages", "messages"),
        ("/v1/messages?beta=true", "messages"),
        ("/v1/messages/count_tokens?beta=true", "count_tokens"),
        ("/v1/messages/batches", "batches"),
        ("/v1/messages/batches/b1/results", "batches"),
        ("/v1/messages/", "other"),
        ("/v1/messages/new", "other"),
        ("/v1/messagesx", None),
        ("/v1/models", None),
        ("/?/v1/messages", None),
    ],
)
def test_paths_are_classified(target, kind):
    assert classify_path(target) == kind


@pytest.mark.parametrize(
    ("head", "is_whole", "model"),
    [
        (b'{"model": "claude-opus-5-5", "messages": [', False, "claude-opus-5-5"),
        (b'{"messages": [], "model": "m"}', True, "m"),
        (b'{"messages": ["\\"model\\": \\"fake\\""', False, None),
        (b'{"model": 5}', True, None),
        (b"[]", True, None),
        (b"{", True, None),
        (b"", True, None),
        (b'{"model": "\xff"}', True, None),
    ],
)
def test_the_requested_model_is_read_from_the_beginning(head, is_whole, model):
    assert read_requested_model(head, is_whole=is_whole) == model


@pytest.mark.parametrize(
    ("value", "count"), [("2", 2), ("", 0), ("-1", 0), ("x", 0), ("²", 0), ("9" * 99, 0)]
)
def test_a_retry_count_is_a_small_number(value, count):
    assert read_retry_count(value) == count


def test_a_line_has_the_times_since_the_request():
    clock = Clock()
    started = datetime(2026, 11, 23, 17, 0, 0, 123456, tzinfo=UTC)
    attempt = make_attempt(clock=clock, started_at=started)
    clock.now += 0.25
    start_stream(attempt)
    attempt.see_response(b": \n")
    clock.now += 0.5
    attempt.see_response(STOPPED)
    line = finish(attempt)
    assert line["started_at"] == "2026-11-23T17:00:00.123456+00:00"
    assert (line["first_byte_ms"], line["total_ms"]) == (250.0, 750.0)


def test_a_line_is_made_once():
    attempt = make_attempt()
    assert attempt.finish("cut").endswith(b"}\n")
    assert attempt.finish(None) is None


def test_a_message_that_had_ended_is_complete_though_the_client_hung_up():
    attempt = make_attempt()
    start_stream(attempt)
    attempt.see_response(STOPPED)
    line = finish(attempt, "client disconnected")
    assert (line["complete"], line["error"]) == (True, None)


def test_a_stream_that_just_ends_says_so():
    attempt = make_attempt()
    start_stream(attempt)
    line = finish(attempt)
    assert (line["complete"], line["error"]) == (False, "the answer ended before its last event")


def test_a_line_has_what_a_cut_stream_wrote_after_its_last_count():
    attempt = make_attempt()
    start_stream(attempt)
    attempt.see_response(COUNTED + write(35))
    line = finish(attempt, "client disconnected")
    assert (line["complete"], line["uncounted_output_tokens"]) == (False, 10)
    assert line["usage"] == {"output_tokens": 77}


def test_a_line_of_a_whole_stream_has_nothing_uncounted():
    attempt = make_attempt()
    start_stream(attempt)
    attempt.see_response(write(35) + STOPPED)
    line = finish(attempt, "client disconnected")
    assert (line["complete"], line["uncounted_output_tokens"]) == (True, 0)


def test_a_line_without_an_answer_has_nothing_uncounted():
    refused = make_attempt()
    refused.refuse(403, "blocked")
    for attempt in (refused, make_attempt()):
        assert finish(attempt, "cut")["uncounted_output_tokens"] == 0


def test_progress_is_each_count_and_every_so_many_tokens():
    attempt = make_attempt()
    start_stream(attempt)
    seen = [attempt.progress]
    for chunk in (write(7), write(DRAFT_TOKENS * 7 // 2), write(7), COUNTED, COUNTED):
        attempt.see_response(chunk)
        seen.append(attempt.progress)
    assert seen == [(0, 0), (0, 0), (0, 1), (0, 1), (1, 0), (2, 0)]


def test_a_draft_has_what_was_written_so_far():
    attempt = make_attempt()
    assert json.loads(attempt.draft())["uncounted_output_tokens"] == 0
    start_stream(attempt)
    attempt.see_response(write(35))
    assert json.loads(attempt.draft())["uncounted_output_tokens"] == 10


def test_a_request_without_an_answer_has_no_status():
    line = finish(make_attempt(), "connection refused")
    assert (line["status"], line["complete"], line["first_byte_ms"]) == (None, False, None)
    assert line["error"] == "connection refused"


def test_a_refusal_has_the_status_that_was_answered():
    attempt = make_attempt()
    attempt.refuse(403, "blocked")
    line = finish(attempt)
    assert (line["status"], line["error"], line["usage"]) == (403, "blocked", None)


def test_the_query_stays_out_of_the_line():
    assert finish(make_attempt(target="/v1/messages?secret=1"))["path"] == "/v1/messages"


def test_what_an_agent_sends_is_cut_to_size():
    attempt = make_attempt(
        target="/v1/messages/" + "x" * 5000, method="M" * 500, claude_session_id="s" * 5000
    )
    attempt.see_request(b'{"model": "' + b"m" * MAX_HEAD_BYTES * 3)
    assert len(attempt.finish("cut")) < 1500
    assert len(attempt._head) == MAX_HEAD_BYTES


def test_ids_differ():
    assert finish(make_attempt())["id"] != finish(make_attempt())["id"]
