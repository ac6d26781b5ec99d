"""Calls get their turn and tool, whichever side arrives first."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.batching import FramedLine
from agents.bridge_jobs import jobs
from agents.models import Agent, AgentSession
from agents.recorder import Recorder
from metrics_app import turns
from metrics_app.models import MessageNote, SubagentStart, TranscriptCursor, TurnCost, UsageRecord
from metrics_app.turns import read_transcript, update_turns, write_notes
from tests.agents import factories
from tests.metrics_app.transcripts import Transcript

pytestmark = pytest.mark.django_db

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"


@pytest.fixture
def transcript(agent):
    return Transcript(agent)


def joined(message_id="msg_1"):
    row = UsageRecord.objects.get(message_id=message_id)
    return row.turn, row.tool_name, row.tool_use_id, row.tool_calls


def test_the_bridge_runs_it():
    job = next(job for job in jobs if job.name == "turn costs")
    assert job.run is update_turns


def test_a_call_gets_its_turn_and_tool(agent, make_record, transcript):
    make_record(agent, message_id="msg_1")
    transcript.answer("msg_1", "Bash")
    update_turns()
    assert joined() == (1, "Bash", "toolu_Bash", 1)
    assert UsageRecord.objects.get().session == transcript.session


def test_the_transcript_may_come_before_the_call(agent, make_record, transcript):
    transcript.answer("msg_1", "Bash")
    update_turns()
    make_record(agent, message_id="msg_1")
    update_turns()
    assert joined() == (1, "Bash", "toolu_Bash", 1)
    assert not MessageNote.objects.exists()


@pytest.mark.parametrize("is_read_between", [True, False])
def test_a_subagents_call_gets_its_type(agent, make_record, transcript, is_read_between):
    transcript.start_subagent("msg_1", "toolu_9", "Explore")
    if is_read_between:
        update_turns()
    transcript.answer("msg_2", "Read", parent="toolu_9")
    transcript.answer("msg_3", parent="toolu_unknown")
    for message_id in ("msg_1", "msg_2", "msg_3"):
        make_record(agent, message_id=message_id)
    update_turns()
    found = dict(UsageRecord.objects.values_list("message_id", "subagent"))
    assert found == {"msg_1": "", "msg_2": "Explore", "msg_3": ""}


def test_a_start_that_is_told_twice_is_kept_once(agent, make_record, transcript):
    transcript.start_subagent("msg_1", "toolu_9", "Explore")
    transcript.start_subagent("msg_1", "toolu_9", "Plan")
    update_turns()
    assert SubagentStart.objects.get().subagent == "Explore"


def test_of_several_tools_the_first_is_named_and_all_are_counted(agent, make_record, transcript):
    transcript.answer("msg_1", "Bash", "Read", "Edit")
    make_record(agent, message_id="msg_1")
    update_turns()
    assert joined() == (1, "Bash", "toolu_Bash", 3)


def test_blocks_that_arrive_after_the_call_add_up(agent, make_record, transcript):
    make_record(agent, message_id="msg_1")
    for tools in ((), ("Bash",), ("Read",)):
        transcript.answer("msg_1", *tools)
        update_turns()
    assert joined() == (1, "Bash", "toolu_Bash", 2)


def test_blocks_that_wait_for_the_call_add_up(agent, make_record, transcript):
    for tools in ((), ("Bash",), ("Read",)):
        transcript.answer("msg_1", *tools)
        update_turns()
    make_record(agent, message_id="msg_1")
    update_turns()
    assert joined() == (1, "Bash", "toolu_Bash", 2)


def test_a_subagents_call_names_what_it_worked_for(agent, make_record, transcript):
    make_record(agent, message_id="msg_1")
    transcript.answer("msg_1", parent="toolu_task")
    update_turns()
    assert UsageRecord.objects.get().parent_tool_use_id == "toolu_task"


def test_turns_count_within_a_session(agent, make_record, transcript):
    later = None
    for number, message_id in enumerate(("msg_1", "msg_2", "msg_3"), start=1):
        make_record(agent, message_id=message_id)
        writer = transcript if number < 3 else Transcript(agent, number=2)
        writer.answer(message_id)
        later = writer.end_turn(0.1)
    update_turns()
    assert [joined(f"msg_{number}")[0] for number in (1, 2, 3)] == [1, 2, 1]
    assert TurnCost.objects.get(result_seq=later.seq).turn == 1


def test_repeating_it_changes_nothing(agent, make_record, transcript):
    make_record(agent, message_id="msg_1")
    transcript.answer("msg_1", "Bash")
    transcript.end_turn(0.1)
    update_turns()
    before = list(UsageRecord.objects.values()), list(TurnCost.objects.values())
    update_turns()
    assert (list(UsageRecord.objects.values()), list(TurnCost.objects.values())) == before


def test_portions_read_the_same_as_the_whole(agent, make_record, transcript, monkeypatch):
    monkeypatch.setattr(turns, "MAX_EVENTS", 2)
    make_record(agent, message_id="msg_1")
    transcript.answer("msg_1", "Bash", "Read", "Edit")
    transcript.end_turn(0.1)
    transcript.answer("msg_2")
    transcript.end_turn(0.3)
    for _ in range(3):
        update_turns()
    assert joined() == (1, "Bash", "toolu_Bash", 3)
    costs = TurnCost.objects.order_by("turn").values_list("turn", "cli_cost_usd")
    assert list(costs) == [(1, Decimal("0.1")), (2, Decimal("0.2"))]


def test_events_of_other_kinds_are_passed_over(agent, transcript, make_record):
    transcript.append("system", {"message": {"id": "msg_1"}})
    transcript.append("user", {"message": {"id": "msg_1"}})
    update_turns()
    assert not MessageNote.objects.exists()
    assert TranscriptCursor.objects.get().seq == 2


def test_an_agent_cannot_name_anothers_call(agent, bob, make_agent, make_record):
    make_record(agent, message_id="msg_1")
    Transcript(make_agent(bob)).answer("msg_1", "Bash")
    update_turns()
    assert joined() == (None, "", "", 0)


def test_a_strange_line_does_not_hold_up_the_next(agent, make_record, transcript):
    make_record(agent, message_id="msg_1")
    for payload in ({}, {"message": [1]}, {"message": {"id": {}}}, {"message": {"id": ""}}):
        transcript.append("assistant", payload)
    transcript.append("result", {"total_cost_usd": "a lot"})
    transcript.answer("msg_1")
    update_turns()
    assert joined()[0] == 2


def test_a_note_without_a_call_is_dropped_after_a_day(agent, transcript):
    transcript.answer("msg_1")
    update_turns()
    old = timezone.now() - timedelta(days=1, minutes=1)
    MessageNote.objects.update(created_at=old)
    transcript.answer("msg_2")
    update_turns()
    assert [note.message_id for note in MessageNote.objects.all()] == ["msg_2"]


def test_nothing_new_costs_three_queries(agent, make_record, transcript, django_assert_num_queries):
    for number in range(30):
        make_record(agent, message_id=f"side call {number}")
        transcript.answer(f"msg_{number}")
    update_turns()
    with django_assert_num_queries(3):
        update_turns()


def test_queries_do_not_grow_with_the_lines(agent, make_record, transcript):
    TranscriptCursor.objects.create(agent=agent)
    counts = []
    for size in (2, 20):
        for number in range(size):
            make_record(agent, message_id=f"msg_{size}_{number}")
            transcript.answer(f"msg_{size}_{number}", "Bash")
        with CaptureQueriesContext(connection) as queries:
            update_turns()
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert UsageRecord.objects.filter(turn=1).count() == 22


def test_where_another_bridge_read_first_nothing_is_doubled(agent, transcript, monkeypatch):
    transcript.answer("msg_1", "Bash")
    event = transcript.end_turn(0.1)
    read_events = turns._read_events

    def read_twice(*args):
        monkeypatch.setattr(turns, "_read_events", read_events)
        read_transcript(agent.pk, event.seq)
        return read_events(*args)

    monkeypatch.setattr(turns, "_read_events", read_twice)
    read_transcript(agent.pk, event.seq)
    assert (MessageNote.objects.count(), TurnCost.objects.count()) == (1, 1)


def test_a_note_is_written_once_however_many_try(agent, make_record, transcript):
    transcript.answer("msg_1", "Bash")
    update_turns()
    make_record(agent, message_id="msg_1")
    note_ids = list(MessageNote.objects.values_list("pk", flat=True))
    write_notes(note_ids)
    write_notes(note_ids)
    assert joined() == (1, "Bash", "toolu_Bash", 1)


def test_two_agents_with_news_are_both_read(agent, bob, make_agent, make_record):
    for one in (agent, make_agent(bob)):
        make_record(one, message_id="msg_1")
        Transcript(one).answer("msg_1")
    update_turns()
    assert UsageRecord.objects.filter(turn=1).count() == 2


def test_a_session_that_writes_again_after_another_counts_on(agent, transcript):
    transcript.end_turn(0.1)
    other = Transcript(agent, number=2)
    other.end_turn(0.5)
    update_turns()
    transcript.end_turn(0.4)
    update_turns()
    last = TurnCost.objects.get(session=transcript.session, turn=2)
    assert last.cli_cost_usd == Decimal("0.3")


@pytest.mark.parametrize(
    ("name", "costs"),
    [
        ("bash_safe", ["0.01828"]),
        ("edit_allow_session", ["0.02742", "0.01828"]),
        ("queue_two_prompts", ["0.00914", "0.00914"]),
        ("interrupt_mid_stream", ["0.00764"]),
        ("api_error_403", ["0"]),
    ],
)
def test_a_recorded_session_gives_its_turns(name, costs, alice):
    session = factories.make_session(factories.make_agent(alice))
    Recorder(session).record(list(recorded_lines(name)))
    update_turns()
    found = TurnCost.objects.order_by("turn").values_list("cli_cost_usd", flat=True)
    assert list(found) == [Decimal(cost) for cost in costs]


def test_a_recorded_call_of_a_tool_is_joined(alice, make_record):
    agent = factories.make_agent(alice)
    make_record(agent, message_id="msg_1795426674048528396")
    Recorder(factories.make_session(agent)).record(list(recorded_lines("bash_safe")))
    update_turns()
    assert joined("msg_1795426674048528396")[:2] == (1, "Bash")


def recorded_lines(name):
    for number, text in enumerate((RECORDINGS / f"{name}.jsonl").read_text().splitlines()):
        entry = json.loads(text)
        if entry["dir"] == "from_agent":
            stamp = f"2026-11-23T17:00:00.{number:06d}000Z"
            yield FramedLine("stdout", stamp, json.dumps(entry["line"]).encode())


def test_a_deleted_session_takes_its_notes_along(agent, transcript):
    transcript.answer("msg_1")
    update_turns()
    AgentSession.objects.all().delete()
    Agent.objects.filter(pk=agent.pk).update(last_seq=99)
    update_turns()
    assert TranscriptCursor.objects.get().seq == 99
