"""The ledger as files: every call as CSV or JSON Lines, every turn as CSV, a report as JSON.

Rows are read a bounded portion at a time, a short query each: a slow reader holds neither memory
nor the database.
"""

import csv
import io
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db.models import Q, QuerySet

from metrics_app.ledger import Report
from metrics_app.querysets import UsageTotals

ROWS_A_PORTION = 1000
# What a spreadsheet would take for the start of a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
NEGATIVE_NUMBER = re.compile(r"-[0-9]+(?:\.[0-9]+)?")

# `id` and `time` give the order of a file. The names of its columns, and where a row has them.
Columns = Mapping[str, str]

COLUMNS: Columns = {
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
    "uncounted_output_tokens": "uncounted_output_tokens",
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
TURN_COLUMNS: Columns = {
    "id": "pk",
    "time": "ended_at",
    "user": "agent__owner__username",
    "workspace": "agent__workspace",
    "agent": "agent__name",
    "agent_id": "agent_id",
    "session": "session__number",
    "turn": "turn",
    "event": "result_seq",
    "cli_cost_usd": "cli_cost_usd",
    "our_cost_usd": "our_cost_usd",
    "difference_usd": "difference_usd",
    "is_flagged": "is_flagged",
    "reason": "reason",
}

Row = dict[str, Any]


def format_cost(cost: Decimal | None) -> str | None:
    """All digits that count: a binary number in the reader's hands would lose some."""
    return None if cost is None else f"{cost.normalize():f}"


def read_rows(found: QuerySet[Any], columns: Columns = COLUMNS) -> list[Row]:
    """The rows with plain values: UTC times in ISO 8601, costs as text. One query."""
    return [
        dict(zip(columns, map(make_plain, values), strict=True))
        for values in found.values_list(*columns.values())
    ]


def make_plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case Decimal():
            return format_cost(value)
        case UUID():
            return str(value)
    return value


def read_portion(found: QuerySet[Any], last: Row | None, columns: Columns = COLUMNS) -> list[Row]:
    """The next rows after `last` in the order of time."""
    time = columns["time"]
    if last is not None:
        is_later = Q((f"{time}__gt", last["time"])) | Q((time, last["time"]), pk__gt=last["id"])
        found = found.filter(is_later, (f"{time}__gte", last["time"]))
    return read_rows(found.order_by(time, "pk")[:ROWS_A_PORTION], columns)


async def stream_csv(found: QuerySet[Any], columns: Columns = COLUMNS) -> AsyncIterator[str]:
    """CSV with a line of headings, a portion of rows at a time."""
    yield to_csv([list(columns)])
    last: Row | None = None
    while rows := await sync_to_async(read_portion)(found, last, columns):
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
        return value if NEGATIVE_NUMBER.fullmatch(value) else f"'{value}"
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
