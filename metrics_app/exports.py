"""The ledger as files: every call as CSV or JSON Lines, a report as JSON.

Calls are read a bounded portion at a time, a short query each: a slow reader holds neither memory
nor the database.
"""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import UTC
from decimal import Decimal
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import Q

from metrics_app.ledger import Report
from metrics_app.querysets import UsageRecordQuerySet, UsageTotals

ROWS_A_PORTION = 1000
# What a spreadsheet would take for the start of a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

COLUMNS = {
    "id": "pk",
    "time": "started_at",
    "user": "user__username",
    "workspace": "agent__workspace",
    "agent": "agent__name",
    "agent_id": "agent_id",
    "session": "session__number",
    "turn": "turn",
    "tool_name": "tool_name",
    "tool_calls": "tool_calls",
    "subagent": "subagent",
    "kind": "kind",
    "model": "model",
    "requested_model": "requested_model",
    "input_tokens": "input_tokens",
    "cache_write_5m_tokens": "cache_write_5m_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "output_tokens": "output_tokens",
    "thinking_tokens": "thinking_tokens",
    "web_searches": "web_searches",
    "service_tier": "service_tier",
    "speed": "speed",
    "inference_geo": "inference_geo",
    "status": "status",
    "complete": "complete",
    "error": "error",
    "first_byte_ms": "first_byte_ms",
    "total_ms": "total_ms",
    "cost_usd": "cost_usd",
    "is_estimated": "is_estimated",
    "is_unpriced": "is_unpriced",
    "is_override": "is_override",
    "price_version": "price_version",
    "message_id": "message_id",
    "request_id": "request_id",
}

Row = dict[str, Any]


def format_cost(cost: Decimal | None) -> str | None:
    """All digits that count: a binary number in the reader's hands would lose some."""
    return None if cost is None else f"{cost.normalize():f}"


def read_rows(records: UsageRecordQuerySet) -> list[Row]:
    """The calls with plain values: UTC times in ISO 8601, costs as text. One query."""
    rows = [
        dict(zip(COLUMNS, values, strict=True)) for values in records.values_list(*COLUMNS.values())
    ]
    for row in rows:
        row["time"] = row["time"].astimezone(UTC).isoformat(timespec="microseconds")
        row["agent_id"] = str(row["agent_id"])
        row["cost_usd"] = format_cost(row["cost_usd"])
    return rows


def read_portion(records: UsageRecordQuerySet, last: Row | None) -> list[Row]:
    """The next calls after `last` in the order of time."""
    if last is not None:
        records = records.filter(
            Q(started_at__gt=last["time"]) | Q(started_at=last["time"], pk__gt=last["id"]),
            started_at__gte=last["time"],
        )
    return read_rows(records.order_by("started_at", "pk")[:ROWS_A_PORTION])


async def stream_csv(records: UsageRecordQuerySet) -> AsyncIterator[str]:
    """CSV with a line of headings, a portion of rows at a time."""
    yield to_csv([list(COLUMNS)])
    last: Row | None = None
    while rows := await sync_to_async(read_portion)(records, last):
        yield to_csv([list(row.values()) for row in rows])
        last = rows[-1]


def to_csv(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([make_cell(value) for value in row] for row in rows)
    return text.getvalue()


def make_cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula; None is empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def describe_report(report: Report) -> dict[str, Any]:
    """A report as JSON has it."""
    return {
        "from": report.days.first.isoformat(),
        "to": report.days.end.isoformat(),
        "by": report.grouping.value,
        "user": report.username,
        "total": describe_totals(report.total),
        "groups": [
            {"key": line.key, "label": line.label} | describe_totals(line.totals)
            for line in report.lines
        ],
    }


def describe_totals(totals: UsageTotals) -> dict[str, Any]:
    """Costs as text; None, never 0, where all that costs is unpriced."""
    cost = None if totals.is_unknown else totals.cost_usd
    return asdict(totals) | {"cost_usd": format_cost(cost)}
