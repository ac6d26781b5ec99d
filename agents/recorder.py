"""Turns an agent's output into rows: events, status, approvals, receipts, live text.

The only writer of SessionEvent, so `seq` has no gaps. One transaction a batch moves rows and log
cursor together: a bridge that dies re-reads from the cursor, and no line is lost or doubled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from agents import stream_json
from agents.activity import describe_activity
from agents.batching import KEPT_OF_OVERSIZED_BYTES, FramedLine
from agents.context_use import context_tokens, context_window
from agents.event_text import event_text
from agents.images import Image, take_images
from agents.models import (
    Agent,
    AgentSession,
    ApprovalRequest,
    ControlRequest,
    Decision,
    Delivery,
    EditMode,
    EventImage,
    EventText,
    LiveText,
    Prompt,
    Screenshot,
    SessionEvent,
    Status,
)
from agents.models.agent import LIVE_STATUSES
from agents.services.approvals import EDITS_ARE_OFF, decision_by_mode
from agents.services.notifications import tell_output
from agents.slash_commands import read_commands

KEPT_LIVE_CHARACTERS = 20_000
AGENT_FIELDS = (
    *("last_seq", "last_event_at", "activity", "edit_mode", "has_conversation"),
    *("plans_first", "context_tokens", "context_window"),
)

PLAN_MODE = "plan"

DELIVERY_BY_STATE = {
    "queued": Delivery.RECEIVED,
    "started": Delivery.STARTED,
    "completed": Delivery.DONE,
    "cancelled": Delivery.CANCELLED,
}


def initialize_id(session: AgentSession) -> str:
    """The request id of the session's first line to the CLI."""
    return f"init-{session.pk}"


@dataclass
class _Flush:
    """What one batch changes, gathered while its lines are applied in order."""

    agent: Agent
    live_text: str
    initialized_at: datetime | None
    status: Status | None = None
    has_ended_turn: bool = False
    events: list[SessionEvent] = field(default_factory=list)
    images: list[tuple[SessionEvent, Image]] = field(default_factory=list)
    refused: list[stream_json.UnknownRequest] = field(default_factory=list)
    known_uuids: set[UUID | None] = field(default_factory=set)


class Recorder:
    """Records the output of one session."""

    def __init__(self, session: AgentSession) -> None:
        self.session = session
        self._in_doubt: _Flush | None = None
        self._live_text = (
            LiveText.objects.filter(agent=session.agent_id).values_list("text", flat=True).first()
            or ""
        )

    def record(self, lines: Sequence[FramedLine]) -> list[stream_json.UnknownRequest]:
        """Store a batch; returns the CLI's requests that somebody has to refuse.

        A batch whose commit got no answer is to be recorded again; it is stored once all the same.
        """
        cursor = max(line.timestamp for line in lines)
        flush = self._in_doubt
        if flush is None or not self._is_stored(cursor):
            flush = self._store(lines, cursor)
        self._in_doubt = None
        # Only now: a batch that the database refused is recorded again, from the same beginning.
        self._live_text = flush.live_text
        self.session.initialized_at = flush.initialized_at
        return flush.refused

    def _store(self, lines: Sequence[FramedLine], cursor: str) -> _Flush:
        self._in_doubt = None
        parsed = [(line, self._parse(line)) for line in lines]
        with transaction.atomic():
            flush = self._new_flush(self._live_text)
            flush.known_uuids = self._find_known([line for _, line in parsed])
            for framed, line in parsed:
                self._apply(framed, line, flush)
            self._save(flush, cursor=cursor)
            self._in_doubt = flush
        return flush

    def _is_stored(self, cursor: str) -> bool:
        return AgentSession.objects.filter(pk=self.session.pk, log_cursor=cursor).exists()

    def note(self, text: str) -> None:
        """Add a line of the portal's own to the transcript."""
        with transaction.atomic():
            flush = self._new_flush("")
            self._add_event(flush, stream_json.Line("cam", {"text": text}), timezone.now(), None)
            self._save(flush, cursor=self.session.log_cursor)

    def _new_flush(self, live_text: str) -> _Flush:
        return _Flush(self._locked_agent(), live_text, self.session.initialized_at)

    def _locked_agent(self) -> Agent:
        agents = Agent.objects.select_for_update()
        return agents.get(pk=self.session.agent_id)

    def _parse(self, framed: FramedLine) -> stream_json.Line | stream_json.Unstored:
        if not framed.dropped_bytes:
            return stream_json.parse(framed.data, stream=framed.stream)
        return _too_much(framed)

    def _find_known(
        self, lines: Sequence[stream_json.Line | stream_json.Unstored]
    ) -> set[UUID | None]:
        """Uuids of these lines that are stored already: the CLI echoes a repeated prompt again."""
        uuids = {line_uuid(line) for line in lines if isinstance(line, stream_json.Line)} - {None}
        events = SessionEvent.objects.filter(agent=self.session.agent_id, line_uuid__in=uuids)
        return set(events.values_list("line_uuid", flat=True)) if uuids else set()

    def _apply(
        self,
        framed: FramedLine,
        line: stream_json.Line | stream_json.Unstored,
        flush: _Flush,
    ) -> None:
        if isinstance(line, stream_json.Line):
            uuid = line_uuid(line)
            if uuid in flush.known_uuids:
                return
            if uuid is not None:
                flush.known_uuids.add(uuid)
            images = take_images(line.payload) if line.kind == "user" else []
            kept = stream_json.bounded(line.payload)
            stored = stream_json.Line(line.kind, kept) if kept is not None else _too_much(framed)
            event = self._add_event(flush, stored, parse_timestamp(framed.timestamp), uuid)
            flush.images += [(event, image) for image in images]
        self._apply_line(line, flush)

    def _apply_line(self, line: stream_json.Line | stream_json.Unstored, flush: _Flush) -> None:
        match line:
            case stream_json.TextDelta(text):
                flush.live_text = (flush.live_text + text)[-KEPT_LIVE_CHARACTERS:]
            case stream_json.AnswerStarted():
                flush.live_text = ""
            case stream_json.AssistantBlock(payload=payload):
                if not payload.get("parent_tool_use_id"):
                    flush.live_text = ""
                flush.agent.context_tokens = context_tokens(payload) or flush.agent.context_tokens
            case stream_json.TurnStarted(payload=payload):
                flush.status = Status.WORKING
                flush.agent.has_conversation = True
                flush.agent.plans_first = payload.get("permissionMode") == PLAN_MODE
            case stream_json.PermissionMode(mode):
                flush.agent.plans_first = mode == PLAN_MODE
            case stream_json.Compacted():
                flush.agent.context_tokens = None
            case stream_json.TurnEnded(payload=payload):
                window = context_window(payload, flush.agent.model)
                flush.agent.context_window = window or flush.agent.context_window
                self._end_turn(flush)
            case stream_json.ToolPermission():
                self._ask(line, flush)
            case stream_json.PermissionWithdrawn(request_id):
                self._withdraw(self.session.approvals.filter(request_id=request_id))
                flush.status = Status.WORKING
            case stream_json.UnknownRequest():
                flush.refused.append(line)
            case stream_json.ControlAnswer():
                self._apply_control_answer(line, flush)
            case stream_json.PromptProgress():
                self._apply_progress(line, flush)

    def _end_turn(self, flush: _Flush) -> None:
        flush.live_text = ""
        flush.status = Status.IDLE
        flush.has_ended_turn = True
        if flush.agent.edit_mode == EditMode.TURN:
            flush.agent.edit_mode = EditMode.ASK
        self._withdraw(self.session.approvals.all())

    def _withdraw(self, approvals: Any) -> None:
        approvals.filter(decision=Decision.PENDING).update(
            decision=Decision.WITHDRAWN, decided_at=timezone.now()
        )

    def _ask(self, line: stream_json.ToolPermission, flush: _Flush) -> None:
        decision = decision_by_mode(flush.agent.standing_edit_mode, line.tool_name)
        ApprovalRequest.objects.get_or_create(
            session=self.session,
            request_id=line.request_id[:100],
            defaults={
                "agent": flush.agent,
                "tool_name": line.tool_name[:200],
                "tool_use_id": line.tool_use_id[:100],
                "tool_input": line.tool_input,
                "decision": decision,
                "message": EDITS_ARE_OFF if decision == Decision.DENIED else "",
                "decided_at": None if decision == Decision.PENDING else timezone.now(),
            },
        )
        flush.status = Status.WORKING

    def _apply_control_answer(self, line: stream_json.ControlAnswer, flush: _Flush) -> None:
        if line.request_id == initialize_id(self.session):
            if flush.initialized_at is None:
                flush.initialized_at = timezone.now()
                AgentSession.objects.filter(pk=self.session.pk).update(
                    commands=read_commands(line.response)
                )
                if not self._has_waiting_prompt():
                    flush.status = Status.IDLE
            return
        answered = self.session.approvals.filter(request_id=line.request_id).update(
            delivery=Delivery.RECEIVED
        )
        request_uuid = as_uuid(line.request_id)
        if not answered and request_uuid:
            ControlRequest.objects.filter(pk=request_uuid, session=self.session).update(
                delivery=Delivery.FAILED if line.error else Delivery.DONE, error=line.error
            )

    def _has_waiting_prompt(self) -> bool:
        """An agent whose first prompt is on its way is still starting, not idle."""
        waiting = (Delivery.QUEUED, Delivery.SENT, Delivery.RECEIVED)
        return Prompt.objects.filter(agent=self.session.agent_id, delivery__in=waiting).exists()

    def _apply_progress(self, line: stream_json.PromptProgress, flush: _Flush) -> None:
        delivery = DELIVERY_BY_STATE.get(line.state)
        prompt_uuid = as_uuid(line.prompt_uuid)
        if delivery is None or prompt_uuid is None:
            return
        Prompt.objects.filter(pk=prompt_uuid, agent=flush.agent).update(delivery=delivery)
        if delivery == Delivery.STARTED:
            flush.status = Status.WORKING
        elif delivery == Delivery.DONE:
            # The transcript has them: the CLI repeated the prompt.
            Screenshot.objects.filter(prompt=prompt_uuid, agent=flush.agent).delete()

    def _add_event(
        self, flush: _Flush, line: stream_json.Line, at: datetime, line_uuid: UUID | None
    ) -> SessionEvent:
        flush.agent.last_seq += 1
        flush.agent.last_event_at = at
        if (activity := describe_activity(line.kind, line.payload)) is not None:
            flush.agent.activity = activity
        event = SessionEvent(
            agent=flush.agent,
            session=self.session,
            seq=flush.agent.last_seq,
            kind=line.kind,
            payload=line.payload,
            line_uuid=line_uuid,
            created_at=at,
        )
        flush.events.append(event)
        return event

    def _save(self, flush: _Flush, *, cursor: str) -> None:
        SessionEvent.objects.bulk_create(flush.events)
        _save_beside(flush)
        flush.agent.save(update_fields=AGENT_FIELDS)
        if flush.status is not None:
            self._save_status(flush, flush.status)
        if flush.live_text != self._live_text:
            LiveText.objects.filter(agent=flush.agent).update(text=flush.live_text)
        AgentSession.objects.filter(pk=self.session.pk).update(
            log_cursor=cursor, initialized_at=flush.initialized_at
        )
        self.session.log_cursor = cursor

    def _save_status(self, flush: _Flush, status: Status) -> None:
        """Never out of stopping: that ends with the session."""
        if status == Status.WORKING and self.session.approvals.pending().exists():
            status = Status.NEEDS_YOU
        before = flush.agent.status
        if Agent.objects.filter(pk=flush.agent.pk, status__in=LIVE_STATUSES).update(status=status):
            flush.agent.status = status
            tell_output(flush.agent, before, has_ended_turn=flush.has_ended_turn)


def _save_beside(flush: _Flush) -> None:
    """What belongs to the events: their images, and their text for the search."""
    texts = [(event, event_text(event.kind, event.payload)) for event in flush.events]
    EventText.objects.bulk_create(
        EventText(event=event, agent=flush.agent, text=text) for event, text in texts if text
    )
    EventImage.objects.bulk_create(
        EventImage(
            agent=flush.agent,
            event=event,
            number=image.number,
            media_type=image.media_type,
            data=image.data,
        )
        for event, image in flush.images
    )


def _too_much(framed: FramedLine) -> stream_json.Line:
    """What is kept of a line that is not: its size and how it begins."""
    head = framed.data[:KEPT_OF_OVERSIZED_BYTES].decode("utf-8", errors="replace")
    size_bytes = len(framed.data) + framed.dropped_bytes
    return stream_json.Line(
        "oversized", {"bytes": size_bytes, "text": head.replace("\x00", "\ufffd")}
    )


def parse_timestamp(text: str) -> datetime:
    """Docker's RFC 3339 time with nanoseconds, to the microsecond; now where it is malformed."""
    try:
        return datetime.fromisoformat(text[:26].rstrip("Z")).replace(tzinfo=UTC)
    except ValueError:
        return timezone.now()


def line_uuid(line: stream_json.Line) -> UUID | None:
    return as_uuid(str(line.payload.get("uuid", "")))


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
