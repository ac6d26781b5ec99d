import json
from pathlib import Path

import pytest

from agents import stream_json

RECORDINGS = sorted((Path(__file__).parents[1] / "data/recordings").glob("*.jsonl"))


def recorded_lines(path, direction="from_agent"):
    for text in path.read_text().splitlines():
        record = json.loads(text)
        if record.get("dir") == direction:
            line = record["line"]
            yield (line if isinstance(line, str) else json.dumps(line)).encode()


def parse(**payload):
    return stream_json.parse(json.dumps(payload).encode())


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_every_recorded_line_is_understood(path):
    lines = [stream_json.parse(line) for line in recorded_lines(path)]
    assert lines
    assert not [line for line in lines if isinstance(line, stream_json.Raw)]
    assert any(isinstance(line, stream_json.TurnStarted) for line in lines)
    assert any(isinstance(line, stream_json.TurnEnded) for line in lines)


def test_recorded_edit_asks_for_permission_with_its_input():
    lines = map(
        stream_json.parse, recorded_lines(RECORDINGS[0].with_name("edit_deny_with_message.jsonl"))
    )
    (request,) = [line for line in lines if isinstance(line, stream_json.ToolPermission)]
    assert request.tool_name == "Edit"
    assert request.tool_input["old_string"] == "hello"
    assert request.request_id


def test_recorded_prompt_progresses_to_completed():
    lines = map(
        stream_json.parse, recorded_lines(RECORDINGS[0].with_name("write_allow_once.jsonl"))
    )
    states = [line.state for line in lines if isinstance(line, stream_json.PromptProgress)]
    assert states == ["queued", "started", "completed"]


def test_recorded_deltas_add_up_to_the_finished_block():
    lines = list(
        map(stream_json.parse, recorded_lines(RECORDINGS[0].with_name("markdown_and_markup.jsonl")))
    )
    written = "".join(line.text for line in lines if isinstance(line, stream_json.TextDelta))
    (block,) = [line for line in lines if isinstance(line, stream_json.AssistantBlock)]
    assert block.payload["message"]["content"][0]["text"] == written


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"plain words",
        b"[1, 2]",
        b'"text"',
        b'{"type": "assistant"',
        b'{"type": "result", "cost": NaN}',
        b'{"type": "result", "cost": 1e999}',
        b"[" * 100_000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b'{"number": ' + b"9" * 5000 + b"}",
        b"\xff\xfe not UTF-8",
    ],
)
def test_what_is_no_storable_object_is_kept_as_text(line):
    parsed = stream_json.parse(line)
    assert isinstance(parsed, stream_json.Raw)
    assert parsed.payload["text"] == line.decode(errors="replace")


def test_stderr_is_never_protocol():
    line = stream_json.parse(b'{"type": "result"}', stream="stderr")
    assert isinstance(line, stream_json.Raw)
    assert line.payload["stream"] == "stderr"


def test_characters_that_databases_refuse_are_replaced():
    line = stream_json.parse(rb'{"type": "x", "a\u0000": ["\ud800 \u0000"]}')
    assert line.payload == {"type": "x", "a\ufffd": ["? \ufffd"]}


def test_unknown_types_and_fields_pass():
    line = parse(type="news", anything={"deep": [1]})
    assert line == stream_json.Line("news", {"type": "news", "anything": {"deep": [1]}})
    assert parse(no="type").kind == "unknown"


@pytest.mark.parametrize(
    "kind", ["assistant", "result", "system", "control_request", "stream_event"]
)
@pytest.mark.parametrize("value", [None, 7, "text", [], {}])
def test_fields_of_the_wrong_type_harm_nothing(kind, value):
    names = ("subtype", "request", "request_id", "event", "message", "response")
    stream_json.parse(json.dumps({"type": kind} | dict.fromkeys(names, value)).encode())


def test_unknown_control_request_is_to_be_refused():
    line = parse(type="control_request", request_id="r1", request={"subtype": "hook_callback"})
    assert line == stream_json.UnknownRequest("r1", "hook_callback")
    answer = json.loads(stream_json.refuse_request("r1", "hook_callback"))
    assert answer["response"]["subtype"] == "error"
    assert answer["response"]["request_id"] == "r1"


def test_text_of_a_subagent_is_not_live():
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hi"}}
    assert parse(type="stream_event", event=delta) == stream_json.TextDelta("hi")
    line = parse(type="stream_event", event=delta, parent_tool_use_id="toolu_1")
    assert line == stream_json.Ignored()


def test_lines_in_are_one_line_each_and_match_the_recordings():
    text = "two\nlines \u2028 and “quotes”"
    for line in (
        stream_json.prompt("00000000-0000-4000-8000-000000000001", text),
        stream_json.deny("r", text),
        stream_json.control_request("r", "set_model", model=text),
    ):
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
    sent = [
        json.loads(line)
        for line in recorded_lines(
            RECORDINGS[0].with_name("edit_deny_with_message.jsonl"), "to_agent"
        )
    ]
    assert json.loads(stream_json.control_request("init-1", "initialize", hooks=None)) == sent[0]
    denial = sent[-1]["response"]
    mine = json.loads(stream_json.deny(denial["request_id"], denial["response"]["message"]))
    assert mine["response"]["response"] == denial["response"] | {"interrupt": False}


def test_allow_echoes_the_input_and_adds_answers():
    questions = {"questions": [{"question": "Which?"}]}
    answer = json.loads(stream_json.allow("r", questions, answers={"Which?": "This"}))
    assert answer["response"]["response"] == {
        "behavior": "allow",
        "updatedInput": questions | {"answers": {"Which?": "This"}},
    }


@pytest.mark.parametrize("kind", ["cam", "oversized", "raw"])
def test_a_line_cannot_claim_to_be_the_portals_own(kind):
    assert stream_json.parse(b'{"type":"%s"}' % kind.encode()).kind == "unknown"
