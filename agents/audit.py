"""Who decided what an agent asked, who said what to it, and who did what with it: from their rows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import CharField, F, Model, QuerySet, Value
from django.db.models.functions import Cast

from agents.models import Agent, ApprovalRequest, AuditRecord, Decision, Delivery, Prompt
from agents.rendering import plain
from agents.rows import summarise_input

ENTRIES_A_PAGE = 100
MAX_DETAIL_CHARACTERS = 500

R = TypeVar("R", bound=Model)
Kind = Literal["allowed", "denied", "prompt", "act"]


@dataclass(frozen=True, slots=True)
class AuditSelection:
    agent: Agent | None = None
    person: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """`who` is empty where the agent's edit mode decided; `agent` None for what was done with a folder."""

    at: datetime
    who: str
    kind: Kind
    agent: Agent | None
    what: str
    detail: str


def paginate_entries(user: User, selection: AuditSelection) -> "Paginator[Any]":
    """Keys of the entries of all agents that the user sees, newest first, for `read_entries`."""
    decided = _decided(user, selection).order_by()
    said = _said(user, selection).order_by()
    done = _done(user, selection).order_by()
    keys = _keys(decided, "decided_at", "decision").union(
        _keys(said, "created_at", "prompt"), _keys(done, "created_at", "act"), all=True
    )
    return Paginator(keys.order_by("-at", "key"), ENTRIES_A_PAGE)


def read_entries(keys: Iterable[tuple[datetime, str, str]]) -> list[AuditEntry]:
    """The entries in the order of their keys. A query each kind."""
    wanted = list(keys)
    approvals = ApprovalRequest.objects.select_related("agent", "decided_by").in_bulk(
        [int(key) for _, row_kind, key in wanted if row_kind == "decision"]
    )
    prompts = Prompt.objects.select_related("agent", "author").in_bulk(
        [UUID(key) for _, row_kind, key in wanted if row_kind == "prompt"]
    )
    records = AuditRecord.objects.select_related("agent", "user").in_bulk(
        [int(key) for _, row_kind, key in wanted if row_kind == "act"]
    )
    readers: dict[str, Callable[[str], AuditEntry | None]] = {
        "decision": lambda key: _of_approval(approvals.get(int(key))),
        "prompt": lambda key: _of_prompt(prompts.get(UUID(key))),
        "act": lambda key: _of_record(records.get(int(key))),
    }
    found = [readers[row_kind](key) for _, row_kind, key in wanted]
    return [entry for entry in found if entry is not None]


def _decided(user: User, selection: AuditSelection) -> QuerySet[ApprovalRequest]:
    chosen = [selection.kind] if selection.kind else [Decision.ALLOWED, Decision.DENIED]
    found = ApprovalRequest.objects.visible_to(user).filter(
        decision__in=chosen, decided_at__isnull=False
    )
    return _narrow(found, selection, "decided_by")


def _said(user: User, selection: AuditSelection) -> QuerySet[Prompt]:
    found = Prompt.objects.visible_to(user).exclude(delivery=Delivery.CANCELLED, sent_at=None)
    if selection.kind not in ("", "prompt"):
        return found.none()
    return _narrow(found, selection, "author")


def _done(user: User, selection: AuditSelection) -> QuerySet[AuditRecord]:
    found = AuditRecord.objects.visible_to(user)
    if selection.kind not in ("", "act"):
        return found.none()
    return _narrow(found, selection, "user")


def _narrow(rows: QuerySet[R], selection: AuditSelection, person: str) -> QuerySet[R]:
    """To the selection's agent, and to the person that the field `person` has."""
    if selection.agent:
        rows = rows.filter(agent=selection.agent)
    return rows.filter(**{f"{person}__username": selection.person}) if selection.person else rows


def _keys(rows: QuerySet[Any], moment: str, row_kind: str) -> QuerySet[Any]:
    keys: QuerySet[Any] = rows.annotate(
        at=F(moment),
        row_kind=Value(row_kind, output_field=CharField()),
        key=Cast("pk", CharField()),
    ).values_list("at", "row_kind", "key")
    return keys


def _of_approval(approval: ApprovalRequest | None) -> AuditEntry | None:
    if approval is None or approval.decided_at is None:
        return None
    answers = [f"{question}: {answer}" for question, answer in approval.answers.items()]
    return AuditEntry(
        at=approval.decided_at,
        who=approval.decided_by.username if approval.decided_by else "",
        kind="allowed" if approval.decision == Decision.ALLOWED else "denied",
        agent=approval.agent,
        what=plain(f"{approval.tool_name} {summarise_input(approval.tool_input)}").strip(),
        detail=_short(approval.message or "; ".join(answers)),
    )


def _of_prompt(prompt: Prompt | None) -> AuditEntry | None:
    if prompt is None:
        return None
    source = "prompt" if prompt.source == Prompt.Source.TYPED else "prompt by the API"
    return AuditEntry(
        at=prompt.created_at,
        who=prompt.author.username,
        kind="prompt",
        agent=prompt.agent,
        what=source,
        detail=_short(prompt.text),
    )


def _of_record(record: AuditRecord | None) -> AuditEntry | None:
    if record is None:
        return None
    return AuditEntry(
        at=record.created_at,
        who=record.user.username,
        kind="act",
        agent=record.agent,
        what=record.get_act_display(),
        detail=_short(record.detail),
    )


def _short(text: str) -> str:
    shown = plain(text[:MAX_DETAIL_CHARACTERS])
    return f"{shown}…" if len(text) > MAX_DETAIL_CHARACTERS else shown
