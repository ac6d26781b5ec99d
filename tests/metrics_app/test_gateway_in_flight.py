import json
from concurrent.futures import Future

import pytest

from metrics_app.gateway import in_flight as in_flight_module
from metrics_app.gateway.attempts import KILLED, Attempt
from metrics_app.gateway.in_flight import InFlight
from metrics_app.gateway.spool import Position

START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "model": "claude-opus-5-5",
        "usage": {"input_tokens": 12, "output_tokens": 1},
    },
}
DELTA = {"type": "message_delta", "usage": {"output_tokens": 77}}
STOP = {"type": "message_stop"}


def write(size):
    return event(
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x" * size}}
    )


def event(data):
    return f"data: {json.dumps(data)}\n\n".encode()


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def in_flight(folder):
    return InFlight(folder)


@pytest.fixture
def attempt():
    return Attempt("agent", "POST", "/v1/messages", "messages")


@pytest.fixture
def see(in_flight, attempt):
    attempt.start_response(
        status=200, content_type="text/event-stream", content_encoding="", request_id="req_1"
    )
    return in_flight.follow(attempt)


class Spool:
    """Takes lines; writes them at once, unless it `is_stuck`."""

    def __init__(self):
        self.lines, self.is_stuck = [], False

    def put(self, line):
        self.lines.append(json.loads(line))
        written = Future()
        if not self.is_stuck:
            written.set_result(Position("usage-1.jsonl", 1))
        return written


@pytest.fixture
def spool():
    return Spool()


def test_a_call_is_kept_before_it_goes_out(in_flight, attempt, spool):
    in_flight.write(attempt)
    in_flight.recover(spool.put)
    (line,) = spool.lines
    assert (line["id"], line["complete"], line["error"]) == (attempt.attempt_id, False, KILLED)


def test_what_the_answer_told_so_far_is_kept(in_flight, see, spool):
    see(event(START))
    in_flight.recover(spool.put)
    (line,) = spool.lines
    assert (line["message_id"], line["model"], line["status"]) == ("msg_1", "claude-opus-5-5", 200)
    assert line["usage"] == {"input_tokens": 12, "output_tokens": 1}
    assert not line["complete"]


def test_later_counts_replace_earlier_ones(in_flight, see, spool):
    see(event(START) + event(DELTA))
    in_flight.recover(spool.put)
    assert spool.lines[0]["usage"]["output_tokens"] == 77


def test_what_was_written_is_kept_every_thousand_tokens(in_flight, see, spool):
    for size in (7, 3500, 70):
        see(write(size))
    in_flight.recover(spool.put)
    (line,) = spool.lines
    assert (line["uncounted_output_tokens"], line["error"]) == (1002, KILLED)


def test_less_than_a_thousand_tokens_more_write_nothing(see, folder):
    see(event(START) + write(3500))
    (path,) = folder.iterdir()
    path.unlink()
    see(write(3000))
    assert list(folder.iterdir()) == []
    see(write(1000))
    assert list(folder.iterdir()) == [path]


def test_a_count_takes_the_place_of_what_was_written_before_it(in_flight, see, spool):
    see(event(START) + write(7000))
    see(event(DELTA))
    in_flight.recover(spool.put)
    (line,) = spool.lines
    assert (line["usage"]["output_tokens"], line["uncounted_output_tokens"]) == (77, 0)


def test_an_answer_that_ended_is_kept_whole_until_it_is_in_the_spool(
    in_flight, attempt, see, spool, folder
):
    see(event(START) + event(DELTA) + event(STOP))
    line = attempt.finish(None)
    in_flight.write(attempt, line)
    written = Future()
    in_flight.forget_when(written, attempt)
    (path,) = folder.iterdir()
    assert path.read_bytes() == line
    assert json.loads(line)["complete"]
    written.set_result(Position("usage-1.jsonl", 1))
    assert list(folder.iterdir()) == []


def test_chunks_that_tell_nothing_new_write_nothing(in_flight, see, folder):
    see(event(START))
    (path,) = folder.iterdir()
    path.unlink()
    see(b"data: " + b"x" * 1000 + b"\n\n")
    assert list(folder.iterdir()) == []


def test_recovered_calls_are_gone(in_flight, attempt, spool, folder):
    in_flight.write(attempt)
    in_flight.recover(spool.put)
    in_flight.recover(spool.put)
    assert len(spool.lines) == 1
    assert list(folder.iterdir()) == []


def test_a_call_that_the_spool_cannot_take_yet_stays(
    in_flight, attempt, spool, folder, monkeypatch
):
    monkeypatch.setattr(in_flight_module, "RECOVERY_SECONDS", 0)
    in_flight.write(attempt)
    spool.is_stuck = True
    in_flight.recover(spool.put)
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"version": 1'])
def test_what_cannot_be_read_is_removed_and_harms_nothing(in_flight, attempt, spool, folder, raw):
    (folder / "torn.json").write_bytes(raw)
    (folder / "half.draft").write_bytes(b"{")
    in_flight.write(attempt)
    in_flight.recover(spool.put)
    assert len(spool.lines) == 1
    assert list(folder.iterdir()) == []


def test_a_disk_that_refuses_is_told_once_and_stops_nothing(tmp_path, attempt, caplog):
    caplog.set_level("ERROR", logger="cam.gateway")
    in_flight = InFlight(tmp_path / "missing")
    in_flight.write(attempt)
    in_flight.write(attempt)
    assert len(caplog.records) <= 1
