"""The lines that the gateway writes are those that the ingest reads."""

import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from metrics_app.attempts import assess
from metrics_app.gateway.attempts import Attempt
from metrics_app.spool import parse_line

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "model": "claude-opus-5-5",
    "usage": {"input_tokens": 1000, "output_tokens": 50},
}


@pytest.fixture
def attempt():
    return Attempt(
        agent_id=str(uuid.uuid4()), method="POST", target="/v1/messages", kind="messages"
    )


def read_back(raw):
    return parse_line(raw, now=datetime.now(UTC))


def answer(attempt, status, body):
    attempt.see_request(b'{"model": "claude-opus-5-5", "messages": []}')
    attempt.start_response(
        status=status, content_type="application/json", content_encoding="", request_id="req_1"
    )
    attempt.see_response(json.dumps(body).encode())
    return attempt.finish(None)


def test_an_answered_call_is_priced(attempt):
    line = read_back(answer(attempt, 200, MESSAGE))
    assert line.problems == ()
    assert str(line.agent_id) == attempt.agent_id
    assert (line.requested_model, line.model) == ("claude-opus-5-5", "claude-opus-5-5")
    assert (line.message_id, line.request_id) == ("msg_1", "req_1")
    assert assess(line).priced.cost_usd == Decimal("0.005")
    assert not assess(line).priced.is_estimated


def test_an_error_of_the_api_owes_nothing(attempt):
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    line = read_back(answer(attempt, 529, error))
    assert line.problems == ()
    assert "overloaded_error" in line.error
    assert assess(line).priced.cost_usd is None
    assert not assess(line).priced.is_unpriced


def test_a_refusal_of_the_gateway_owes_nothing(attempt):
    attempt.refuse(403, "this agent is blocked")
    line = read_back(attempt.finish(None))
    assert line.problems == ()
    assert (line.status, line.error) == (403, "this agent is blocked")
    assert not assess(line).priced.is_unpriced


def test_a_call_that_was_never_answered_owes_nothing(attempt):
    line = read_back(attempt.finish("the connection broke"))
    assert line.problems == ()
    assert line.status is None
    assert not assess(line).priced.is_unpriced


def test_a_stream_that_was_cut_is_estimated(attempt):
    attempt.start_response(
        status=200, content_type="text/event-stream", content_encoding="", request_id=""
    )
    start = {"type": "message_start", "message": MESSAGE}
    attempt.see_response(b"event: message_start\ndata: " + json.dumps(start).encode() + b"\n\n")
    line = read_back(attempt.finish("the connection broke"))
    assert line.problems == ()
    assert not line.complete
    assert assess(line).priced.is_estimated


def test_a_stream_that_was_cut_costs_what_it_wrote_too(attempt):
    attempt.start_response(
        status=200, content_type="text/event-stream", content_encoding="", request_id=""
    )
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "é" * 1750}}
    for event in ({"type": "message_start", "message": MESSAGE}, delta):
        attempt.see_response(b"data: " + json.dumps(event).encode() + b"\n\n")
    line = read_back(attempt.finish("client disconnected"))
    assert (line.uncounted_output_tokens, line.problems) == (1000, ())
    assert assess(line).tokens.output == 1050
    assert assess(line).priced.cost_usd == Decimal("0.025")
