import json
from types import SimpleNamespace

import pytest
from django.db import OperationalError, transaction

from agents.batching import FramedLine
from agents.images import image_block
from agents.models import (
    Agent,
    AgentSession,
    ApprovalRequest,
    ControlRequest,
    Decision,
    Delivery,
    EventImage,
    EventText,
    LiveText,
    Prompt,
    Screenshot,
    SessionEvent,
)
from agents.recorder import Recorder, initialize_id
from agents.stream_json import UnknownRequest
from tests.agents.factories import make_approval

TIMES = (f"2026-01-01T00:00:00.{number:09d}Z" for number in range(1, 10**6))


def framed(**payload):
    return FramedLine("stdout", next(TIMES), json.dumps(payload).encode())


def delta(text, **fields):
    event = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}
    return framed(type="stream_event", event=event, **fields)


def asks(tool="Edit", request_id="r1"):
    request = {"subtype": "can_use_tool", "tool_name": tool, "input": {"file_path": "a"}}
    return framed(type="control_request", request_id=request_id, request=request)


TURN = {"type": "system", "subtype": "init"}
RESULT = {"type": "result", "subtype": "success"}


@pytest.fixture
def recorder(session):
    return Recorder(session)


@pytest.fixture
def status(agent):
    return lambda: Agent.objects.get(pk=agent.pk).status


def test_lines_become_events_numbered_without_gaps(recorder, agent):
    recorder.record([framed(type="assistant", n=1), delta("x"), framed(type="news")])
    recorder.record([FramedLine("stderr", next(TIMES), b"warning")])
    events = list(SessionEvent.objects.values_list("seq", "kind"))
    assert events == [(1, "assistant"), (2, "news"), (3, "raw")]
    assert Agent.objects.get(pk=agent.pk).last_seq == 3


def test_repeated_line_is_stored_once(recorder, agent):
    uuid = "0f0f0f0f-0000-4000-8000-000000000001"
    echo = {"type": "user", "isReplay": True, "uuid": uuid}
    recorder.record([framed(**echo), framed(**echo)])
    recorder.record([framed(type="assistant"), framed(**echo), framed(type="assistant")])
    events = list(SessionEvent.objects.values_list("seq", "kind"))
    assert events == [(1, "user"), (2, "assistant"), (3, "assistant")]


def test_cursor_moves_with_the_rows(recorder, session):
    line = framed(type="assistant")
    recorder.record([line])
    session.refresh_from_db()
    assert session.log_cursor == line.timestamp


def test_failed_batch_leaves_nothing_behind(recorder, session, agent, monkeypatch):
    monkeypatch.setattr(Recorder, "_save_status", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        recorder.record([delta("half"), framed(**TURN)])
    monkeypatch.undo()
    session.refresh_from_db()
    assert (session.log_cursor, SessionEvent.objects.count()) == ("", 0)
    recorder.record([delta("whole")])
    assert LiveText.objects.get(agent=agent).text == "whole"


def test_live_text_grows_and_ends_with_its_block(recorder, agent):
    live = lambda: LiveText.objects.get(agent=agent).text  # noqa: E731
    recorder.record([delta("Hello "), delta("world"), delta("no", parent_tool_use_id="t")])
    assert live() == "Hello world"
    recorder.record([framed(type="assistant", parent_tool_use_id="t")])
    assert live() == "Hello world"
    recorder.record([framed(type="assistant")])
    assert live() == ""


def test_live_text_goes_on_with_the_next_bridge(recorder, session, agent):
    recorder.record([delta("Hello ")])
    Recorder(session).record([delta("again")])
    assert LiveText.objects.get(agent=agent).text == "Hello again"


def test_status_follows_the_protocol(recorder, session, agent, status):
    Agent.objects.update(status="starting")
    answer = {"subtype": "success", "request_id": initialize_id(session)}
    recorder.record([framed(type="control_response", response=answer)])
    assert status() == "idle"
    recorder.record([framed(**TURN)])
    assert status() == "working"
    recorder.record([framed(**RESULT)])
    assert status() == "idle"


def test_agent_with_a_prompt_on_its_way_is_not_idle(recorder, session, agent, alice, status):
    Agent.objects.update(status="starting")
    prompt = Prompt.objects.create(agent=agent, author=alice, text="x", delivery="sent")
    answer = {"subtype": "success", "request_id": initialize_id(session)}
    recorder.record([framed(type="control_response", response=answer)])
    assert status() == "starting"
    receipt = {"type": "command_lifecycle", "command_uuid": str(prompt.pk), "state": "started"}
    recorder.record([framed(**receipt)])
    assert status() == "working"


@pytest.mark.parametrize("ended", ["stopping", "stopped", "failed"])
def test_output_does_not_bring_back_an_agent_that_stops(recorder, status, ended):
    Agent.objects.update(status=ended)
    recorder.record([framed(**TURN)])
    assert status() == ended


def test_turn_makes_the_conversation_resumable(recorder, agent):
    assert not agent.has_conversation
    recorder.record([framed(**TURN)])
    assert Agent.objects.get(pk=agent.pk).has_conversation


def test_edit_waits_for_a_person(recorder, status):
    recorder.record([framed(**TURN), asks()])
    approval = ApprovalRequest.objects.get()
    assert (approval.tool_name, approval.decision) == ("Edit", Decision.PENDING)
    assert status() == "needs_you"


@pytest.mark.parametrize(
    ("mode", "decision"),
    [("off", "denied"), ("turn", "allowed"), ("session", "allowed")],
)
def test_edit_mode_answers_edits_but_not_commands(recorder, mode, decision, status):
    Agent.objects.update(edit_mode=mode)
    recorder.record([asks("Write", "r1")])
    approval = ApprovalRequest.objects.get()
    assert (approval.decision, approval.decided_by) == (decision, None)
    assert status() == "working"
    recorder.record([asks("Bash", "r2")])
    assert ApprovalRequest.objects.get(request_id="r2").decision == "pending"
    assert status() == "needs_you"


def test_repeated_request_is_one_approval(recorder):
    recorder.record([asks(), asks()])
    assert ApprovalRequest.objects.count() == 1


def test_withdrawn_request_waits_no_longer(recorder, status):
    recorder.record([framed(**TURN), asks()])
    recorder.record([framed(type="control_cancel_request", request_id="r1")])
    assert ApprovalRequest.objects.get().decision == "withdrawn"
    assert status() == "working"


def test_end_of_turn_ends_what_belongs_to_it(recorder, agent, status):
    Agent.objects.update(edit_mode="turn")
    recorder.record([framed(**TURN), asks("Bash"), delta("half")])
    recorder.record([framed(**RESULT)])
    agent.refresh_from_db()
    assert (agent.edit_mode, agent.status) == ("ask", "idle")
    assert ApprovalRequest.objects.get().decision == "withdrawn"
    assert LiveText.objects.get(agent=agent).text == ""


def test_session_mode_outlives_the_turn(recorder, agent):
    Agent.objects.update(edit_mode="session")
    recorder.record([framed(**RESULT)])
    assert Agent.objects.get(pk=agent.pk).edit_mode == "session"


@pytest.mark.parametrize(
    ("state", "delivery"),
    [
        ("queued", "received"),
        ("started", "started"),
        ("completed", "done"),
        ("cancelled", "cancelled"),
    ],
)
def test_receipts_move_the_prompt(recorder, agent, alice, state, delivery):
    prompt = Prompt.objects.create(agent=agent, author=alice, text="x", delivery="sent")
    recorder.record([framed(type="command_lifecycle", command_uuid=str(prompt.pk), state=state)])
    prompt.refresh_from_db()
    assert prompt.delivery == delivery


@pytest.mark.parametrize("uuid", ["", "nonsense", "00000000-0000-4000-8000-000000000000", 5, None])
def test_receipt_of_nothing_known_is_quiet(recorder, uuid):
    recorder.record([framed(type="command_lifecycle", command_uuid=uuid, state="started")])
    assert Prompt.objects.count() == 0


def test_receipt_names_no_prompt_of_another_agent(recorder, alice):
    from tests.agents.factories import make_agent

    other = Prompt.objects.create(agent=make_agent(alice), author=alice, text="x")
    recorder.record([framed(type="command_lifecycle", command_uuid=str(other.pk), state="started")])
    other.refresh_from_db()
    assert other.delivery == "queued"


def test_echo_of_a_decision_is_its_receipt(recorder, session):
    approval = make_approval(session, decision="allowed", delivery="sent")
    response = {"subtype": "success", "request_id": approval.request_id}
    recorder.record([framed(type="control_response", response=response)])
    approval.refresh_from_db()
    assert approval.delivery == Delivery.RECEIVED


@pytest.mark.parametrize(("error", "delivery"), [(None, "done"), ("no such model", "failed")])
def test_answer_to_a_control_request(recorder, session, error, delivery):
    request = ControlRequest.objects.create(session=session, kind="set_model", delivery="sent")
    response = {"request_id": str(request.pk), "error": error}
    recorder.record([framed(type="control_response", response=response)])
    request.refresh_from_db()
    assert (request.delivery, request.error) == (delivery, error or "")


def test_unknown_request_is_handed_back(recorder):
    line = framed(type="control_request", request_id="x", request={"subtype": "mcp_message"})
    assert recorder.record([line]) == [UnknownRequest("x", "mcp_message")]


def test_oversized_line_is_noted(recorder):
    recorder.record([FramedLine("stdout", next(TIMES), b"\x00head", dropped_bytes=95)])
    event = SessionEvent.objects.get()
    assert event.kind == "oversized"
    assert event.payload == {"bytes": 100, "text": "\ufffdhead"}


def test_malformed_timestamp_is_replaced_by_now(recorder):
    recorder.record([FramedLine("stdout", "yesterday", b"{}")])
    assert SessionEvent.objects.get().created_at


def test_note_keeps_the_cursor(recorder, session):
    recorder.record([framed(type="assistant")])
    cursor = session.log_cursor
    recorder.note("Session 1 ended")
    session.refresh_from_db()
    assert session.log_cursor == cursor
    assert SessionEvent.objects.get(seq=2).payload == {"text": "Session 1 ended"}


def test_a_batch_that_the_database_refused_first_still_ends_the_start(session, monkeypatch):
    Agent.objects.update(status="starting")
    AgentSession.objects.update(initialized_at=None)
    session.refresh_from_db()
    recorder, save, response = (
        Recorder(session),
        Recorder._save,
        {"request_id": initialize_id(session)},
    )
    answer = FramedLine(
        "stdout",
        "2026-01-01T00:00:00.000000001Z",
        json.dumps({"type": "control_response", "response": response}).encode(),
    )

    def refuse(self, flush, *, cursor):
        raise OperationalError("database is locked")

    monkeypatch.setattr(Recorder, "_save", refuse)
    with pytest.raises(OperationalError):
        recorder.record([answer])
    monkeypatch.setattr(Recorder, "_save", save)
    recorder.record([answer])
    assert Agent.objects.get().status == "idle"


def test_a_line_of_a_million_values_is_noted_and_not_kept(session):
    Recorder(session).record([framed(type="user", items=[{}] * 1_000_000)])
    event = SessionEvent.objects.get()
    assert event.kind == "oversized"
    assert event.payload["bytes"] > 3_000_000


def test_a_long_text_is_cut_in_the_transcript_and_whole_in_the_request(session):
    text = "x" * 1_000_000
    request = {"subtype": "can_use_tool", "tool_name": "Write", "input": {"content": text}}
    Recorder(session).record([framed(type="control_request", request_id="r", request=request)])
    kept = SessionEvent.objects.get().payload["request"]["input"]["content"]
    assert (len(kept), ApprovalRequest.objects.get().tool_input["content"]) == (100_000, text)


class LostAnswer:
    """A transaction that is committed or rolled back, while its caller only sees a broken connection."""

    def __init__(self, *, is_committed):
        self._inner = transaction.atomic()
        self._is_committed = is_committed

    def __enter__(self):
        self._inner.__enter__()

    def __exit__(self, *exception):
        if not self._is_committed:
            transaction.set_rollback(True)
        self._inner.__exit__(None, None, None)
        raise OperationalError("server closed the connection unexpectedly")


@pytest.mark.parametrize("is_committed", [True, False])
def test_batch_whose_commit_got_no_answer_is_stored_once(
    recorder, agent, monkeypatch, is_committed
):
    request = {"subtype": "new_thing"}
    lines = [
        FramedLine("stderr", next(TIMES), b"no uuid"),
        delta("Hel"),
        framed(type="control_request", request_id="r1", request=request),
    ]
    with monkeypatch.context() as patch:
        broken = SimpleNamespace(atomic=lambda: LostAnswer(is_committed=is_committed))
        patch.setattr("agents.recorder.transaction", broken)
        with pytest.raises(OperationalError):
            recorder.record(lines)
    assert recorder.record(lines) == [UnknownRequest("r1", "new_thing")]
    recorder.record([delta("lo")])
    assert list(SessionEvent.objects.values_list("seq", flat=True)) == [1]
    assert LiveText.objects.get(agent=agent).text == "Hello"


def test_what_the_agent_does_is_told_by_its_latest_line(recorder, agent):
    block = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "pytest -q"}}
    recorder.record([framed(type="assistant", message={"content": [block]})])
    agent.refresh_from_db()
    assert agent.activity == "Running pytest -q"


def test_images_are_kept_apart_from_their_line(recorder):
    data = b"\x89PNG\r\n\x1a\n" + b"pixels" * 30_000
    content = [image_block("image/png", data), {"type": "text", "text": "look"}]
    recorder.record([framed(type="user", isReplay=True, message={"content": content})])
    image = EventImage.objects.get()
    assert (bytes(image.data), image.media_type) == (data, "image/png")
    assert len(str(image.event.payload)) < 300


def test_sent_pictures_are_forgotten_once_the_transcript_has_them(recorder, agent, alice):
    prompt = Prompt.objects.create(agent=agent, author=alice, text="look", delivery="sent")
    Screenshot.objects.create(
        agent=agent, author=alice, prompt=prompt, width=1, height=1, data=b"x"
    )
    progress = {"type": "command_lifecycle", "command_uuid": str(prompt.pk)}
    recorder.record([framed(**progress, state="started")])
    assert Screenshot.objects.exists()
    recorder.record([framed(**progress, state="completed")])
    assert not Screenshot.objects.exists()


def test_shown_text_is_indexed_with_its_line(recorder):
    recorder.record([framed(type="assistant", message={"content": "a needle"}), framed(**RESULT)])
    assert list(EventText.objects.values_list("event__seq", "text")) == [(1, "a needle")]


def test_plan_mode_follows_the_cli(recorder, agent):
    def plans_first():
        return Agent.objects.get(pk=agent.pk).plans_first

    recorder.record([framed(type="system", subtype="status", permissionMode="plan")])
    assert plans_first()
    recorder.record([framed(type="system", subtype="status", status="requesting")])
    assert plans_first()
    recorder.record([framed(**TURN, permissionMode="default")])
    assert not plans_first()


@pytest.mark.parametrize("mode", ["turn", "session"])
def test_agent_that_plans_first_has_leave_for_no_edit(recorder, agent, mode):
    Agent.objects.filter(pk=agent.pk).update(edit_mode=mode, plans_first=True)
    recorder.record([asks()])
    assert ApprovalRequest.objects.get().decision == Decision.PENDING


def test_context_in_use_is_kept_until_it_is_compacted(recorder, agent):
    usage = {"input_tokens": 50_000}
    recorder.record([framed(type="assistant", message={"content": "x", "usage": usage})])
    window = {"m": {"contextWindow": 200_000}}
    recorder.record([framed(**RESULT, modelUsage=window)])
    assert Agent.objects.get(pk=agent.pk).context_percent == 25
    recorder.record([framed(type="system", subtype="compact_boundary")])
    assert Agent.objects.get(pk=agent.pk).context_percent is None


def test_slash_commands_come_with_the_first_answer(recorder, session):
    response = {"request_id": initialize_id(session), "subtype": "success"}
    response["response"] = {"commands": [{"name": "compact", "description": "Make room"}]}
    recorder.record([framed(type="control_response", response=response)])
    (command,) = AgentSession.objects.get(pk=session.pk).commands
    assert command["name"] == "compact"
