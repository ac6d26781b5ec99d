"""Decisions on what an agent asks, by a person or by the agent's edit mode."""

from typing import Literal

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from agents.errors import AlreadyDecided, InvalidRequest
from agents.models import Act, Agent, ApprovalRequest, Decision, EditMode, Status
from agents.services.acts import record_act
from agents.services.bells import ring_everyone
from agents.services.checks import check_edit_mode
from agents.services.notifications import end_need

Scope = Literal["once", "turn", "session"]

EDITS_ARE_OFF = (
    "Edits are switched off for this agent. Do not try again; say what you would change."
)


def decision_by_mode(edit_mode: str, tool_name: str) -> Decision:
    """What an edit mode answers by itself; PENDING where a person has to."""
    if tool_name not in settings.CAM_EDIT_TOOLS:
        return Decision.PENDING
    return {
        EditMode.OFF: Decision.DENIED,
        EditMode.TURN: Decision.ALLOWED,
        EditMode.SESSION: Decision.ALLOWED,
    }.get(EditMode(edit_mode), Decision.PENDING)


def allow_approval(
    approval: ApprovalRequest,
    *,
    user: User,
    scope: Scope = "once",
    answers: dict[str, str] | None = None,
) -> None:
    """Allow this request; scope `turn` or `session` also sets the edit mode, for edits only.

    `answers` maps each question of an AskUserQuestion to its answer.
    Raises AlreadyDecided or InvalidRequest.
    """
    if scope != "once" and approval.tool_name not in settings.CAM_EDIT_TOOLS:
        raise InvalidRequest("Only edits can be allowed for a turn or a session.")
    with transaction.atomic():
        _decide_first(approval, Decision.ALLOWED, user=user, answers=answers)
        if scope != "once":
            set_edit_mode(approval.agent, EditMode(scope), user=user)


def deny_approval(approval: ApprovalRequest, *, user: User, message: str = "") -> None:
    """Refuse this request; the model is told `message`. Raises AlreadyDecided."""
    with transaction.atomic():
        _decide_first(approval, Decision.DENIED, user=user, message=message.strip())


def set_edit_mode(agent: Agent, mode: str, *, user: User) -> None:
    """Change who answers edits from now on; edits that wait are answered by the new mode.

    Raises InvalidRequest.
    """
    check_edit_mode(mode)
    with transaction.atomic():
        Agent.objects.filter(pk=agent.pk).update(edit_mode=mode)
        record_act(user, Act.EDIT_MODE, agent, EditMode(mode).label)
        for approval in agent.approvals.pending():
            decision = decision_by_mode(mode, approval.tool_name)
            if decision != Decision.PENDING:
                message = EDITS_ARE_OFF if decision == Decision.DENIED else ""
                _decide(approval, decision, user=user, message=message)
        ring_everyone(agent)


def _decide_first(
    approval: ApprovalRequest,
    decision: Decision,
    *,
    user: User,
    message: str = "",
    answers: dict[str, str] | None = None,
) -> None:
    """Decide, or raise AlreadyDecided that says who was first."""
    if not _decide(approval, decision, user=user, message=message, answers=answers):
        approval.refresh_from_db()
        who = approval.decided_by.username if approval.decided_by else "the agent itself"
        raise AlreadyDecided(f"Already {approval.get_decision_display()} by {who}.")


def _decide(
    approval: ApprovalRequest,
    decision: Decision,
    *,
    user: User,
    message: str = "",
    answers: dict[str, str] | None = None,
) -> bool:
    changed = ApprovalRequest.objects.filter(pk=approval.pk, decision=Decision.PENDING).update(
        decision=decision,
        message=message,
        answers=answers or {},
        decided_by=user,
        decided_at=timezone.now(),
    )
    if changed:
        if not ApprovalRequest.objects.pending().filter(agent=approval.agent_id).exists():
            Agent.objects.filter(pk=approval.agent_id, status=Status.NEEDS_YOU).update(
                status=Status.WORKING
            )
            end_need(approval.agent)
        ring_everyone(approval.agent)
    return bool(changed)
