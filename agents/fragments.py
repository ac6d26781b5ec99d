"""The parts of pages that the view and the sockets share. All HTML is made by templates.

Regions are replaced whole, by element id; the transcript only grows. What a person types lives
outside of the regions or is marked `hx-preserve`, so a swap does not lose it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import get_args
from uuid import UUID

from django.conf import settings
from django.db.models import Prefetch
from django.template.loader import get_template
from django.utils import timezone
from django.utils.html import format_html_join

from agents.approval_cards import make_card
from agents.home import AgentRows, Asked
from agents.models import (
    Agent,
    ApprovalRequest,
    Decision,
    Delivery,
    EditMode,
    Effort,
    Prompt,
    Screenshot,
    SessionEvent,
)
from agents.rows import Call, Part, Result, call_id, parts_of
from agents.services.presence import names_of_viewers
from agents.site_settings import current

WAITING = (Delivery.QUEUED, Delivery.SENT, Delivery.RECEIVED)
LIVE_TAIL_CHARACTERS = 6_000
CALLS = frozenset(get_args(Call))
RESULTS = frozenset(get_args(Result))
REGION_TEMPLATES = {
    "agent-status": "agents/_status.html",
    "agent-actions": "agents/_actions.html",
    "agent-approvals": "agents/_approvals.html",
    "agent-outbox": "agents/_outbox.html",
    "agent-mode": "agents/_mode.html",
    "agent-cost": "agents/_cost.html",
    "agent-context": "agents/_context.html",
    "agent-viewers": "agents/_viewers.html",
}


@dataclass(frozen=True)
class Row:
    """`call_id` and `result_of` join a call of a tool to its result, `parent_id` what a subagent
    does to the call that started it.
    """

    agent_id: UUID
    seq: int
    kind: str
    created_at: datetime
    parts: tuple[Part, ...]
    parent_id: str = ""
    decisions: tuple[str, ...] = ()

    @property
    def call_id(self) -> str:
        return self._only_id(CALLS)

    @property
    def result_of(self) -> str:
        return self._only_id(RESULTS)

    def _only_id(self, shapes: frozenset[str]) -> str:
        """Where the row is about one call alone."""
        ids = {part.tool_use_id for part in self.parts}
        return ids.pop() if self.parts[0].shape in shapes and len(ids) == 1 else ""


def render_rows(events: Iterable[SessionEvent]) -> str:
    """One `<li data-seq>` an event that shows something, oldest first; one query at most.

    The page's cursor is the greater of its last row's `data-seq` and the transcript's `data-after`.
    """
    template = get_template("agents/_event.html")
    rows = ((template.render({"row": row}),) for row in make_rows(events))
    return format_html_join("", "{}", rows)


def render_appended(rows_html: str) -> str:
    """A frame's element that appends rows to the transcript; "" where there are none."""
    if not rows_html:
        return ""
    return get_template("agents/_appended.html").render({"rows_html": rows_html})


def render_live(text: str) -> str:
    """What the agent is writing right now, its last LIVE_TAIL_CHARACTERS, as `#live`."""
    context = {"live_text": text[-LIVE_TAIL_CHARACTERS:], "oob": True}
    return get_template("agents/_live.html").render(context)


def render_regions(agent: Agent, *, oob: bool = False) -> dict[str, str]:
    """The parts of the agent's page that are replaced whole, by element id. At most five queries."""
    context = region_context(agent) | {"oob": oob}
    return {key: get_template(name).render(context) for key, name in REGION_TEMPLATES.items()}


def render_list_rows(rows: AgentRows, *, oob: bool = False) -> str:
    """The whole `#agent-rows` of the list page. One query, for the costs."""
    return get_template("agents/_rows.html").render({"rows": rows, "oob": oob})


def render_queue(asked: Asked, *, oob: bool = False) -> str:
    """The whole `#agent-queue` of the list page. No queries; reads the files that are to change."""
    return get_template("agents/_queue.html").render({**queue_context(asked), "oob": oob})


def queue_context(asked: Asked) -> dict[str, object]:
    return {"asked": asked, "cards": [make_card(approval) for approval in asked.approvals]}


def region_context(agent: Agent) -> dict[str, object]:
    """What the region templates read; the page includes the same templates with it."""
    return {
        "agent": agent,
        "cards": [make_card(approval) for approval in _pending(agent)],
        "prompts": list(_on_their_way(agent)),
        "viewers": names_of_viewers(agent, timezone.now()),
        "models": current("CAM_MODELS"),
        "edit_modes": EditMode.choices,
        "efforts": Effort.choices,
        "edit_tools": settings.CAM_EDIT_TOOLS,
    }


def make_rows(events: Iterable[SessionEvent]) -> list[Row]:
    shown = [(event, parts_of(event.kind, event.payload)) for event in events]
    decisions = _decisions([(event, parts) for event, parts in shown if parts])
    return [
        Row(
            agent_id=event.agent_id,
            seq=event.seq,
            kind=event.kind,
            created_at=event.created_at,
            parts=parts,
            parent_id=call_id(event.payload.get("parent_tool_use_id")),
            decisions=decisions.get(event.seq, ()),
        )
        for event, parts in shown
        if parts
    ]


def _on_their_way(agent: Agent) -> Iterable[Prompt]:
    pictures = Screenshot.objects.only("pk", "agent_id", "prompt_id", "width", "height")
    waiting = agent.prompts.filter(delivery__in=WAITING).select_related("author")
    return waiting.prefetch_related(Prefetch("screenshots", pictures))


def _pending(agent: Agent) -> Iterable[ApprovalRequest]:
    return agent.approvals.pending().select_related("agent")


def _decisions(
    shown: Sequence[tuple[SessionEvent, tuple[Part, ...]]],
) -> dict[int, tuple[str, ...]]:
    """Who allowed or denied the tool calls whose results are among the events, by `seq`."""
    asked = {
        part.tool_use_id: event
        for event, parts in shown
        for part in parts
        if part.shape in RESULTS and part.tool_use_id
    }
    if not asked:
        return {}
    decided = ApprovalRequest.objects.filter(
        agent__in={event.agent_id for event in asked.values()},
        tool_use_id__in=asked,
        decision__in=[Decision.ALLOWED, Decision.DENIED],
    ).select_related("decided_by")
    found: dict[int, tuple[str, ...]] = {}
    for approval in decided:
        event = asked[approval.tool_use_id]
        who = approval.decided_by.username if approval.decided_by else "the edit mode"
        words = f"{approval.get_decision_display()} by {who}"
        found[event.seq] = (*found.get(event.seq, ()), words)
    return found
