"""Tells which turn and tool each call belongs to, from the transcripts.

A transcript is read once, from a cursor. What it says of a message waits as a note until the
message's call is there; either may come first. A note without a call is dropped after a day, and a
call without a note (the CLI's own side calls, say) is never looked at.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from agents.models import Agent, SessionEvent
from metrics_app.models import MessageNote, SubagentStart, TranscriptCursor, TurnCost, UsageRecord
from metrics_app.rollups import RollupChange
from metrics_app.transcript import MessageFacts, read_cli_total, read_message
from metrics_app.turn_costs import SETTLES_AFTER, compare_again, compare_due_turns

MAX_AGENTS_PER_RUN = 100
MAX_EVENTS = 500
MAX_NOTES = 200
NOTED_FIELDS = (
    "session",
    "turn",
    "tool_name",
    "tool_use_id",
    "tool_calls",
    "parent_tool_use_id",
    "subagent",
)
# A line may have megabytes: this many are in memory at a time.
EVENTS_AT_ONCE = 20
GIVE_UP_AFTER = timedelta(days=1)


def update_turns() -> None:
    """Read new events, write notes to their calls, compare costs. Three queries for no news.

    Each step takes a bounded portion: a backlog needs several calls.
    """
    for agent_id, last_seq in _agents_with_news():
        read_transcript(agent_id, last_seq)
    if note_ids := _notes_with_call():
        write_notes(note_ids)
    compare_due_turns(timezone.now())


@dataclass(slots=True)
class _Position:
    """Where a session stands: the turn that goes on, and what the CLI had counted before it."""

    turn: int = 1
    started_at: datetime | None = None
    cli_total_usd: Decimal = Decimal(0)


@dataclass(slots=True)
class _Reading:
    """What a portion of a transcript says."""

    agent_id: UUID
    end: int
    positions: dict[int, _Position] = field(default_factory=dict)
    messages: dict[tuple[int, int, str], MessageFacts] = field(default_factory=dict)
    turns: list[TurnCost] = field(default_factory=list)


def _agents_with_news() -> list[tuple[UUID, int]]:
    """Ids and last events; who has waited longest comes first."""
    has_news = Q(transcript_cursor__isnull=True, last_seq__gt=0) | Q(
        last_seq__gt=F("transcript_cursor__seq")
    )
    agents = Agent.objects.filter(has_news).order_by("last_event_at", "pk")
    return list(agents.values_list("pk", "last_seq")[:MAX_AGENTS_PER_RUN])


def read_transcript(agent_id: UUID, last_seq: int) -> None:
    """Read a portion after the cursor, at most up to `last_seq`.

    Cursor and rows move in one transaction; where somebody else moved the cursor, nothing is kept.
    """
    cursor, _ = TranscriptCursor.objects.get_or_create(agent_id=agent_id)
    reading = _read_events(agent_id, cursor.seq, last_seq)
    now = timezone.now()
    with transaction.atomic():
        is_ours = TranscriptCursor.objects.filter(agent_id=agent_id, seq=cursor.seq).update(
            seq=reading.end
        )
        if is_ours:
            TurnCost.objects.bulk_create(reading.turns)
            SubagentStart.objects.bulk_create(_make_starts(reading), ignore_conflicts=True)
            MessageNote.objects.bulk_create(_make_notes(reading, _find_subagents(reading)))
            MessageNote.objects.filter(created_at__lt=now - GIVE_UP_AFTER).delete()


def _read_events(agent_id: UUID, after_seq: int, last_seq: int) -> _Reading:
    events = SessionEvent.objects.filter(
        agent_id=agent_id, seq__gt=after_seq, seq__lte=last_seq, kind__in=("assistant", "result")
    ).order_by("seq")[:MAX_EVENTS]
    reading, count = _Reading(agent_id, last_seq), 0
    for count, event in enumerate(events.iterator(chunk_size=EVENTS_AT_ONCE), start=1):
        position = _position_in(reading, event.session_id)
        if event.kind == "result":
            reading.turns.append(_end_turn(position, event))
        elif facts := read_message(event.payload):
            key = (event.session_id, position.turn, facts.message_id)
            earlier = reading.messages.get(key)
            reading.messages[key] = earlier.followed_by(facts) if earlier else facts
        if count == MAX_EVENTS:
            reading.end = event.seq
    return reading


def _position_in(reading: _Reading, session_id: int) -> _Position:
    if session_id not in reading.positions:
        last = TurnCost.objects.filter(session_id=session_id).order_by("turn").last()
        reading.positions[session_id] = (
            _Position(last.turn + 1, last.ended_at, last.cli_total_usd) if last else _Position()
        )
    return reading.positions[session_id]


def _end_turn(position: _Position, event: SessionEvent) -> TurnCost:
    """The turn that the event ends; moves the position on.

    The CLI's figure is a running total. One that went back was started anew.
    """
    total = read_cli_total(event.payload)
    before = position.cli_total_usd
    ended = TurnCost(
        agent_id=event.agent_id,
        session_id=event.session_id,
        turn=position.turn,
        result_seq=event.seq,
        started_at=position.started_at,
        ended_at=event.created_at,
        cli_cost_usd=total - before if total is not None and total >= before else total,
        cli_total_usd=before if total is None else total,
        due_at=event.created_at + SETTLES_AFTER,
    )
    position.turn += 1
    position.started_at = ended.ended_at
    position.cli_total_usd = ended.cli_total_usd
    return ended


def _make_starts(reading: _Reading) -> list[SubagentStart]:
    return [
        SubagentStart(agent_id=reading.agent_id, tool_use_id=tool_use_id, subagent=subagent)
        for facts in reading.messages.values()
        for tool_use_id, subagent in facts.subagents
    ]


def _find_subagents(reading: _Reading) -> dict[str, str]:
    """The types of the subagents that wrote, by the tool call that started them."""
    parents = {facts.parent_tool_use_id for facts in reading.messages.values()} - {""}
    if not parents:
        return {}
    starts = SubagentStart.objects.filter(agent_id=reading.agent_id, tool_use_id__in=parents)
    return dict(starts.values_list("tool_use_id", "subagent"))


def _make_notes(reading: _Reading, subagents: Mapping[str, str]) -> list[MessageNote]:
    return [
        MessageNote(
            agent_id=reading.agent_id,
            session_id=session_id,
            turn=turn,
            message_id=facts.message_id,
            tool_name=facts.tool_name,
            tool_use_id=facts.tool_use_id,
            tool_calls=facts.tool_calls,
            parent_tool_use_id=facts.parent_tool_use_id,
            subagent=subagents.get(facts.parent_tool_use_id, ""),
        )
        for (session_id, turn, _), facts in reading.messages.items()
    ]


def _notes_with_call() -> list[int]:
    calls = UsageRecord.objects.filter(
        agent_id=OuterRef("agent_id"), message_id=OuterRef("message_id")
    )
    notes = MessageNote.objects.filter(Exists(calls)).order_by("pk")
    return list(notes.values_list("pk", flat=True)[:MAX_NOTES])


def write_notes(note_ids: Iterable[int]) -> None:
    """Write notes to their calls and remove them; one that is gone by now was written already."""
    with transaction.atomic():
        notes = list(MessageNote.objects.filter(pk__in=note_ids).order_by("pk").select_for_update())
        calls = _calls_of(notes)
        touched = set()
        sums = RollupChange()
        for note in notes:
            for call in calls[note.agent_id, note.message_id]:
                touched |= {(call.session_id, call.turn), (note.session_id, note.turn)}
                sums.remove(call)
                _write_note(note, call)
                sums.add(call)
        UsageRecord.objects.bulk_update(
            [call for of_message in calls.values() for call in of_message],
            NOTED_FIELDS,
        )
        MessageNote.objects.filter(pk__in=[note.pk for note in notes]).delete()
        compare_again(touched, timezone.now())
        sums.write()


def _calls_of(notes: Iterable[MessageNote]) -> defaultdict[tuple[UUID, str], list[UsageRecord]]:
    """By agent and message. An agent's transcript says nothing of another agent's calls."""
    found = UsageRecord.objects.filter(
        agent_id__in={note.agent_id for note in notes},
        message_id__in={note.message_id for note in notes},
    )
    calls = defaultdict(list)
    # Locked in the order in which the repricing does it: neither waits for the other in a circle.
    for call in found.order_by("started_at", "pk").select_for_update():
        calls[call.agent_id, call.message_id].append(call)
    return calls


def _write_note(note: MessageNote, call: UsageRecord) -> None:
    call.session_id, call.turn = note.session_id, note.turn
    call.parent_tool_use_id = call.parent_tool_use_id or note.parent_tool_use_id
    call.subagent = call.subagent or note.subagent
    if not call.tool_calls:
        call.tool_name, call.tool_use_id = note.tool_name, note.tool_use_id
    call.tool_calls += note.tool_calls
