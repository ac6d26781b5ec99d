"""The spool as the gateway writes it, for the portal's own ingest to read."""

import json
import time
from collections.abc import Iterable
from pathlib import Path

from bench.cost.rows import Call


def write_spool(path: Path, calls: Iterable[Call]) -> None:
    path.write_text("".join(map(make_line, calls)))


def ingest() -> tuple[int, float]:
    """Until nothing is left: rows that are new, and seconds. Runs in the process of a `Database`."""
    from metrics_app.ingest import ingest_spool  # Django is set up in that process only

    rows = 0
    began = time.perf_counter()
    while new := ingest_spool():
        rows += new
    return rows, time.perf_counter() - began


def make_line(call: Call) -> str:
    is_counting = call.end == "count_tokens"
    line = {
        "version": 1,
        "id": str(call.attempt_id),
        "agent_id": str(call.session.agent.id),
        "started_at": call.started_at.isoformat(timespec="microseconds"),
        "method": "POST",
        "path": "/v1/messages/count_tokens" if is_counting else "/v1/messages",
        "kind": "count_tokens" if is_counting else "messages",
        "status": call.status,
        "complete": is_counting or call.end in ("", "unpriced"),
        "error": call.error or None,
        "streamed": call.has_usage,
        "requested_model": call.model,
        "model": call.model if call.has_usage else None,
        "message_id": call.message_id or None,
        "request_id": call.request_id or None,
        "claude_session_id": None,
        "retry_count": 0,
        "usage": call.usage if call.has_usage else None,
        "first_byte_ms": call.first_byte_ms,
        "total_ms": call.total_ms,
    }
    return json.dumps(line, separators=(",", ":")) + "\n"
