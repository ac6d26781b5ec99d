"""An agent's whole conversation as a file, a bounded portion at a time, a short query each."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

from channels.db import database_sync_to_async
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.text import slugify

from agents.markdown_export import Block, blocks_of, escape
from agents.models import Agent, ApprovalRequest, Decision, SessionEvent

EVENTS_A_PORTION = 200

Format = Literal["md", "jsonl"]
CONTENT_TYPES: dict[Format, str] = {
    "md": "text/markdown; charset=utf-8",
    "jsonl": "application/x-ndjson",
}


def export_agent(agent: Agent, file_format: Format) -> StreamingHttpResponse:
    """The file as an answer that a browser saves; the caller has seen that the agent may be read."""
    response = StreamingHttpResponse(
        stream(agent, file_format), content_type=CONTENT_TYPES[file_format]
    )
    name = name_file(agent, file_format)
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["Cache-Control"] = "private, no-store"
    return response


def name_file(agent: Agent, file_format: Format) -> str:
    """ASCII letters, digits and hyphens, whatever the agent is called."""
    name = slugify(agent.name)[:60].strip("-_") or "agent"
    return f"cam-{name}-{str(agent.pk)[:8]}.{file_format}"


async def stream(agent: Agent, file_format: Format) -> AsyncIterator[str]:
    """The file in pieces. It ends with what is stored when its reader gets there."""
    write = WRITERS[file_format]
    if file_format == "md":
        yield _head(agent)
    last = 0
    while events := await database_sync_to_async(_read_portion)(agent, last):
        yield await database_sync_to_async(write)(agent, events)
        last = events[-1].seq


def _read_portion(agent: Agent, after: int) -> list[SessionEvent]:
    found = SessionEvent.objects.filter(agent=agent, seq__gt=after)
    return list(found.order_by("seq")[:EVENTS_A_PORTION])


def write_json_lines(agent: Agent, events: Sequence[SessionEvent]) -> str:  # noqa: ARG001
    """One event a line, as the API's history has it."""
    return "".join(
        json.dumps(
            {
                "seq": event.seq,
                "kind": event.kind,
                "created_at": _moment(event.created_at),
                "payload": event.payload,
            }
        )
        + "\n"
        for event in events
    )


def write_markdown(agent: Agent, events: Sequence[SessionEvent]) -> str:
    """What the events have for a reader, with who allowed or denied each tool. One query at most."""
    blocks = [block for event in events for block in blocks_of(event.kind, event.payload)]
    decisions = _decisions(agent, blocks)
    return "".join(f"{block.text}{decisions.get(block.tool_use_id, '')}\n" for block in blocks)


def _decisions(agent: Agent, blocks: Sequence[Block]) -> dict[str, str]:
    ids = {block.tool_use_id for block in blocks if block.tool_use_id}
    if not ids:
        return {}
    decided = ApprovalRequest.objects.filter(
        agent=agent, tool_use_id__in=ids, decision__in=[Decision.ALLOWED, Decision.DENIED]
    ).select_related("decided_by")
    return {one.tool_use_id: f"\n*{_describe(one)}*\n" for one in decided}


def _describe(approval: ApprovalRequest) -> str:
    who = approval.decided_by.username if approval.decided_by else "the edit mode"
    return escape(f"{approval.get_decision_display()} by {who}")


def _head(agent: Agent) -> str:
    return (
        f"# {escape(agent.name)}\n\n"
        f"- Folder: {escape(agent.workspace)}\n"
        f"- Model: {escape(agent.model)}\n"
        f"- Launched: {_moment(agent.created_at)}\n\n---\n\n"
    )


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


WRITERS: dict[Format, Callable[[Agent, Sequence[SessionEvent]], str]] = {
    "md": write_markdown,
    "jsonl": write_json_lines,
}
