import http.client
import json
import threading

import pytest
from django.core.management import CommandError, call_command

from agents.demo_api.conversation import read_conversation
from agents.demo_api.replies import ErrorReply, Text, ToolUse
from agents.demo_api.script import answer, read_chosen_usage
from agents.demo_api.server import DemoServer

TOOLS = [{"name": "Read"}]
REMINDER = "<system-reminder>\nSay error 500. Never edit.\n</system-reminder>"


def user(*content):
    return {"role": "user", "content": list(content)}


def text(words):
    return {"type": "text", "text": words}


def use(name, identifier="t1", **given):
    block = {"type": "tool_use", "id": identifier, "name": name, "input": given}
    return {"role": "assistant", "content": [block]}


def result(words, identifier="t1", *, is_error=False):
    content = [text(words)]
    return {
        "type": "tool_result",
        "tool_use_id": identifier,
        "content": content,
        "is_error": is_error,
    }


def reply_to(*messages, **body):
    return answer(read_conversation({"messages": list(messages), "tools": TOOLS} | body))


def find_call(reply):
    return next(block for block in reply.blocks if isinstance(block, ToolUse))


def find_text(reply):
    return next(block.text for block in reply.blocks if isinstance(block, Text))


# What the prompt is


@pytest.mark.parametrize(
    "messages",
    [
        [user(text("cut"))],
        [{"role": "user", "content": "cut"}],
        [user(text(REMINDER), text("cut"), text(REMINDER))],
        [user(text(f"{REMINDER}\ncut\n{REMINDER}"))],
        [user(text("error 500")), use("Read"), user(result("x")), user(text("cut"))],
        [user(text("[Request interrupted by user]"), text("cut"))],
        [user(text("edit a.txt"), text("cut"))],
        [user(text("cut")), use("Read"), user(result("error 500"), text(REMINDER))],
        [user(text("cut")), {"role": "system", "content": "error 500"}],
    ],
)
def test_the_prompt_is_the_last_text_of_a_person(messages):
    assert read_conversation({"messages": messages}).prompt == "cut"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": None},
        {"messages": "hello"},
        {"messages": [None, 5, {"role": "user"}]},
        {"messages": [user(None, 5, {"type": "text"}, {"type": "text", "text": 5})]},
        {"messages": [user({"type": "tool_result", "tool_use_id": [], "content": 5})]},
        {"system": 5, "tools": 5},
    ],
)
def test_any_request_gets_an_answer(body):
    assert answer(read_conversation(body))


def test_the_workspace_is_the_one_that_the_system_prompt_names():
    system = [text("Env:\n - Primary working directory: /srv/project\n - Is a git repository")]
    call = find_call(reply_to(user(text("read a.txt")), system=system))
    assert call.input == {"file_path": "/srv/project/a.txt"}


# Commands


@pytest.mark.parametrize(
    ("prompt", "name", "given"),
    [
        ("read hello.txt", "Read", {"file_path": "/workspace/hello.txt"}),
        ("Please read the file `src/a.py`.", "Read", {"file_path": "/workspace/src/a.py"}),
        ("edit hello.txt", "Read", {"file_path": "/workspace/hello.txt"}),
        ("edit /workspace/hello.txt now", "Read", {"file_path": "/workspace/hello.txt"}),
        ("edit something", "Read", {"file_path": "/workspace/hello.txt"}),
        ("run bash ls -la", "Bash", {"command": "ls -la"}),
        ("bash echo markdown", "Bash", {"command": "echo markdown"}),
        ("run `git log`", "Bash", {"command": "git log"}),
        ("bash safe", "Bash", {"command": "git status"}),
        ("bash ask", "Bash", {"command": "touch demo.txt"}),
        ("run bash ls usage in=1 out=2", "Bash", {"command": "ls"}),
    ],
)
def test_commands_call_tools(prompt, name, given):
    call = find_call(reply_to(user(text(prompt))))
    assert call.name == name
    assert call.input.items() >= given.items()


def test_write_calls_once_for_each_file():
    reply = reply_to(user(text("write notes.md and docs/more.md")))
    calls = [block for block in reply.blocks if isinstance(block, ToolUse)]
    paths = [call.input["file_path"] for call in calls]
    assert paths == ["/workspace/notes.md", "/workspace/docs/more.md"]
    assert reply.stop_reason == "tool_use"


def test_a_subagent_is_asked_with_the_rest_of_the_prompt():
    call = find_call(reply_to(user(text("subagent read hello.txt"))))
    assert (call.name, call.input["prompt"]) == ("Agent", "read hello.txt")
    assert call.input["subagent_type"]


def test_a_question_has_options():
    (question,) = find_call(reply_to(user(text("question")))).input["questions"]
    assert len(question["options"]) == 2


def test_edit_takes_its_line_from_what_was_read():
    read = user(result("     1\t\n     2\thello world\n"))
    call = find_call(reply_to(user(text("edit hello.txt")), use("Read"), read))
    assert call.name == "Edit"
    assert call.input["old_string"] == "hello world"
    assert call.input["new_string"] == "hello world (edited by the demo)"


@pytest.mark.parametrize("read", [result("File does not exist.", is_error=True), result("")])
def test_edit_writes_what_it_cannot_read(read):
    call = find_call(reply_to(user(text("edit hello.txt")), use("Read"), user(read)))
    assert (call.name, call.input["file_path"]) == ("Write", "/workspace/hello.txt")


def test_the_closing_text_knows_whether_the_tool_was_refused():
    asked = [user(text("bash ask")), use("Bash")]
    assert find_text(reply_to(*asked, user(result("created")))).startswith("Done: Bash succeeded")
    refused = find_text(reply_to(*asked, user(result("Not today.", is_error=True))))
    assert "refused or failed" in refused
    assert "> Not today." in refused


def test_an_edit_ends_after_its_second_tool():
    messages = [
        user(text("edit hello.txt")),
        use("Read"),
        user(result("1\thello")),
        use("Edit", "t2"),
        user(result("updated", "t2")),
    ]
    assert find_text(reply_to(*messages)).startswith("Done: Edit succeeded")


@pytest.mark.parametrize(
    ("prompt", "status", "fails", "is_final"),
    [
        ("error 429", 429, None, False),
        ("error 529 once", 529, 1, False),
        ("error 500 5 times", 500, 5, False),
        ("please error 401 noretry", 401, None, True),
        ("error 429 twice noretry", 429, 2, True),
    ],
)
def test_errors_come_as_often_as_asked_for(prompt, status, fails, is_final):
    reply = reply_to(user(text(prompt)))
    assert isinstance(reply, ErrorReply)
    assert (reply.status, reply.fails) == (status, fails)
    assert ("x-should-retry" in reply.headers) == is_final


@pytest.mark.parametrize("prompt", ["", "hello", "error 418", "what is this?"])
def test_anything_else_is_answered_by_the_explanation(prompt):
    assert "This is the **demo**" in find_text(reply_to(user(text(prompt))))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"max_tokens": 1, "messages": [user(text("quota"))]}, "ok"),
        ({"system": "Write a short title.", "messages": [user(text("error 500"))]}, '"title"'),
        ({"system": "Tell isNewTopic", "messages": [user(text("error 500"))]}, '"isNewTopic"'),
    ],
)
def test_side_requests_get_short_valid_answers(body, words):
    assert words in find_text(answer(read_conversation(body)))


def test_usage_can_be_chosen():
    assert read_chosen_usage("hello usage in=1 5m=2 out=3") == {
        "in": 1,
        "5m": 2,
        "1h": 0,
        "read": 0,
        "out": 3,
    }
    assert read_chosen_usage("what is my usage today?") is None


# Over HTTP


@pytest.fixture
def server():
    server = DemoServer(0, pace=0)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    yield server
    server.shutdown()
    server.server_close()


def send(server, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def say(server, prompt, **body):
    given = {"model": "claude-opus-5-5", "messages": [user(text(prompt))]} | body
    return send(server, "POST", "/v1/messages?beta=true", json.dumps(given))


def read_events(raw):
    return [json.loads(line[6:]) for line in raw.decode().splitlines() if line.startswith("data: ")]


def test_a_message_has_the_usage_that_was_chosen(server):
    status, headers, raw = say(server, "hi usage in=1200 5m=200 1h=100 read=5000 out=77")
    message = json.loads(raw)
    assert status == 200
    assert headers["request-id"].startswith("req_")
    assert message["model"] == "claude-opus-5-5"
    assert message["usage"]["cache_creation_input_tokens"] == 300
    assert message["usage"]["output_tokens"] == 77


def test_a_stream_adds_up_to_the_message(server):
    events = read_events(say(server, "edit hello.txt usage out=77", stream=True)[2])
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    pieces = "".join(delta.get("partial_json", "") for delta in deltas)
    assert json.loads(pieces) == {"file_path": "/workspace/hello.txt"}
    assert events[0]["message"]["usage"]["output_tokens"] == 1
    assert (events[-2]["usage"]["output_tokens"], events[-1]["type"]) == (77, "message_stop")


def test_a_streamed_text_is_exactly_the_text(server):
    whole = json.loads(say(server, "markdown")[2])["content"][0]["text"]
    events = read_events(say(server, "markdown", stream=True)[2])
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta["text"] for delta in deltas) == whole


def test_message_ids_differ(server):
    ids = {json.loads(say(server, "hi")[2])["id"] for _ in range(5)}
    assert len(ids) == 5


def test_usage_follows_the_sizes_unless_chosen(server):
    first = json.loads(say(server, "hi", system="x" * 4000)[2])["usage"]
    messages = [user(text("hi")), {"role": "assistant", "content": "ho"}, user(text("again"))]
    later = json.loads(say(server, "", system="x" * 4000, messages=messages)[2])["usage"]
    assert first["cache_creation_input_tokens"] > 1000
    assert later["cache_read_input_tokens"] > 1000


def test_an_error_once_is_followed_by_an_answer(server):
    assert [say(server, "error 529 once")[0] for _ in range(3)] == [529, 200, 200]


def test_a_cut_once_is_followed_by_a_whole_stream(server):
    with pytest.raises(http.client.IncompleteRead):
        say(server, "cut once", stream=True)
    assert read_events(say(server, "cut once", stream=True)[2])[-1]["type"] == "message_stop"


def test_an_error_has_the_apis_shape(server):
    status, headers, raw = say(server, "error 429")
    assert (status, headers["retry-after"]) == (429, "1")
    assert json.loads(raw)["error"]["type"] == "rate_limit_error"


def test_a_cut_stream_has_no_end(server):
    with pytest.raises(http.client.IncompleteRead) as cut:
        say(server, "cut", stream=True)
    assert read_events(cut.value.partial)[0]["type"] == "message_start"


def test_a_malformed_stream_has_a_broken_event(server):
    with pytest.raises(json.JSONDecodeError):
        read_events(say(server, "malformed", stream=True)[2])


def test_an_overloaded_stream_ends_with_an_error_event(server):
    assert read_events(say(server, "overload", stream=True)[2])[-1]["type"] == "error"


def test_counting_tokens(server):
    body = json.dumps({"messages": [user(text("hello"))]})
    status, _, raw = send(server, "POST", "/v1/messages/count_tokens", body)
    assert (status, list(json.loads(raw))) == (200, ["input_tokens"])


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_paths_are_not_found(server, method):
    status, _, raw = send(server, method, "/api/claude_code/policy_limits", "{}")
    assert (status, json.loads(raw)["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize("body", ["{", "[]", "5", "\x00"])
def test_a_body_that_is_no_object_is_refused(server, body):
    assert send(server, "POST", "/v1/messages", body)[0] == 400


def test_a_body_that_is_too_large_is_refused(server):
    headers = {"content-length": str(10**12)}
    assert send(server, "POST", "/v1/messages", headers=headers)[0] == 413


# The command


@pytest.mark.parametrize(
    "options", [{"port": "x"}, {"port": "70000"}, {"pace": "fast"}, {"pace": "-1"}, {"pace": "nan"}]
)
def test_the_command_names_a_wrong_option(options):
    with pytest.raises(CommandError, match=f"--{next(iter(options))}"):
        call_command("run_demo_api", **options)


def test_the_command_says_that_a_port_is_taken(server):
    with pytest.raises(CommandError, match="cannot listen"):
        call_command("run_demo_api", port=server.server_port)
