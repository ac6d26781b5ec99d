"""The model API's own record: what a ledger is compared with."""

import http.client
import json
import threading

import pytest

from agents.demo_api.server import DemoServer
from tests.e2e.stack import wait_for


@pytest.fixture
def record(tmp_path):
    return tmp_path / "record.jsonl"


@pytest.fixture
def server(record):
    server = DemoServer(0, pace=0, record=record)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    yield server
    server.shutdown()
    server.server_close()


def say(server, text, *, stream):
    body = {"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream}
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    try:
        connection.request("POST", "/v1/messages", json.dumps(body))
        return connection.getresponse().read().decode()
    except http.client.IncompleteRead:
        return ""
    finally:
        connection.close()


def read(record):
    return [json.loads(line) for line in record.read_text().splitlines()]


@pytest.mark.parametrize("stream", [True, False])
def test_message_is_noted_as_it_begins_and_after_its_last_byte(server, record, stream):
    answer = say(server, "hello", stream=stream)
    begun, whole = wait_for(lambda: len(read(record)) == 2 and read(record))
    assert (begun["is_whole"], whole["is_whole"]) == (False, True)
    assert begun["id"] == whole["id"]
    assert begun["id"] in answer
    assert begun["usage"]["output_tokens"] > 0


def test_message_that_breaks_off_is_noted_once(server, record):
    say(server, "cut", stream=True)
    say(server, "hello", stream=True)
    lines = wait_for(lambda: len(read(record)) == 3 and read(record))
    assert [line["is_whole"] for line in lines] == [False, False, True]


def test_errors_are_no_messages(server, record):
    say(server, "error 529", stream=False)
    assert not record.exists()
