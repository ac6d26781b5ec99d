"""Rows that wait to be written to a session's stdin, in order, each with its line.

A row is marked as sent before it is written. Where a bridge dies in between, `unsend_lost` of the
next one sends it again; the CLI drops a prompt whose uuid it knows, and an answer it has had.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils import timezone

from agents import stream_json
from agents.images import image_block
from agents.models import AgentSession, ApprovalRequest, ControlRequest, Decision, Delivery, Prompt
from agents.recorder import initialize_id

REFUSED = "The user refused this."
DECIDED = models.Q(decision__in=[Decision.ALLOWED, Decision.DENIED])


@dataclass(frozen=True)
class Outgoing:
    """A line, and the row to be marked before the line is written."""

    line: bytes
    rows: models.QuerySet[Any]

    def claim(self, session: AgentSession) -> bool:
        """Mark the row as sent; False where it is no longer queued."""
        fields = {"session": session} if self.rows.model is Prompt else {}
        return bool(
            self.rows.filter(delivery=Delivery.QUEUED).update(
                delivery=Delivery.SENT, sent_at=timezone.now(), **fields
            )
        )

    def unclaim(self) -> None:
        self.rows.filter(delivery=Delivery.SENT).update(delivery=Delivery.QUEUED)


def initialize_line(session: AgentSession) -> bytes:
    return stream_json.control_request(initialize_id(session), "initialize", hooks=None)


def waiting(session: AgentSession) -> Iterator[Outgoing]:
    """What the session's CLI has not been told: decisions, control requests, prompts."""
    for approval in session.approvals.filter(DECIDED, delivery=Delivery.QUEUED):
        yield _outgoing(approval, _decision_line(approval))
    for request in session.control_requests.filter(delivery=Delivery.QUEUED):
        line = stream_json.control_request(str(request.pk), request.kind, **request.arguments)
        yield _outgoing(request, line)
    for prompt in Prompt.objects.filter(agent=session.agent_id, delivery=Delivery.QUEUED):
        yield _outgoing(prompt, _prompt_line(prompt))


def with_something_to_tell(
    sessions: models.QuerySet[AgentSession],
) -> models.QuerySet[AgentSession]:
    """Those whose CLI has not been told all, or has not answered yet: one query for however many there are."""
    queued = {"delivery": Delivery.QUEUED}
    decided = ApprovalRequest.objects.filter(DECIDED, **queued).values("session")
    requested = ControlRequest.objects.filter(**queued).values("session")
    prompted = Prompt.objects.filter(**queued).values("agent")
    return sessions.filter(
        models.Q(initialized_at=None)
        | models.Q(pk__in=decided)
        | models.Q(pk__in=requested)
        | models.Q(agent__in=prompted)
    )


def unsend_lost(session: AgentSession) -> None:
    """Queue again what a bridge that died may have marked and not written."""
    for rows in (session.approvals, session.control_requests, session.prompts):
        rows.filter(delivery=Delivery.SENT).update(delivery=Delivery.QUEUED)


def _prompt_line(prompt: Prompt) -> bytes:
    images = [image_block(shot.media_type, bytes(shot.data)) for shot in prompt.screenshots.all()]
    return stream_json.prompt(str(prompt.pk), prompt.text, images)


def _decision_line(approval: ApprovalRequest) -> bytes:
    if approval.decision == Decision.ALLOWED:
        return stream_json.allow(approval.request_id, approval.tool_input, answers=approval.answers)
    return stream_json.deny(approval.request_id, approval.message or REFUSED)


def _outgoing(row: ApprovalRequest | ControlRequest | Prompt, line: bytes) -> Outgoing:
    rows: models.QuerySet[Any] = type(row)._default_manager.all()
    return Outgoing(line, rows.filter(pk=row.pk))
