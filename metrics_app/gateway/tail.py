"""What stands in the spool and is not in the ledger yet, for a gateway that has just started."""

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

from metrics_app.gateway.budget_gate import Charge
from metrics_app.gateway.budgets import Budgets
from metrics_app.gateway.policy import Policy
from metrics_app.gateway.spool import Position
from metrics_app.gateway.usage import add_uncounted

logger = logging.getLogger("cam.gateway")

MAX_LINE_BYTES = 256 * 1024


def read_tail(
    folder: Path, find_policy: Callable[[str], Policy | None], budgets: Budgets
) -> Iterator[Charge]:
    """Its calls, priced. Lines that cannot be read are passed over, as the ingest does."""
    for path in sorted(folder.glob("usage-*.jsonl")):
        try:
            if not budgets.has_ingested(path.name, path.stat().st_size):
                yield from _read_file(path, find_policy, budgets)
        except OSError as exc:
            logger.error("the spool's %s cannot be read for its costs: %s", path.name, exc)


def _read_file(
    path: Path, find_policy: Callable[[str], Policy | None], budgets: Budgets
) -> Iterator[Charge]:
    with path.open("rb") as file:
        end = file.seek(budgets.ingested.get(path.name, 0))
        while line := file.readline(MAX_LINE_BYTES):
            end += len(line)
            charge = _read_line(line, find_policy, budgets)
            if charge is not None:
                charge.written = Future()
                charge.written.set_result(Position(path.name, end))
                yield charge


def _read_line(
    raw: bytes, find_policy: Callable[[str], Policy | None], budgets: Budgets
) -> Charge | None:
    try:
        line = json.loads(raw)
        started_at = _read_moment(line["started_at"])
        usage = line["usage"]
        uncounted = line.get("uncounted_output_tokens")
        model = line["model"] or line["requested_model"]
        policy = find_policy(line["agent_id"])
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None
    if not isinstance(usage, dict) or not isinstance(model, str | None):
        return None
    return Charge(policy, budgets.cost_of(model, add_uncounted(usage, uncounted)), started_at)


def _read_moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
