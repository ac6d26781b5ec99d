"""The file that the gateway refuses calls by: what each budget allows, and what is spent of it."""

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from cam_site.locks import only_one
from metrics_app.budgets.amounts import format_usd
from metrics_app.budgets.rates import read_rates
from metrics_app.budgets.standing import Standing, read_standings
from metrics_app.exports import format_cost
from metrics_app.models import Budget, SpoolCheckpoint
from metrics_app.price_list import PRICED_KINDS

NAMED_STAFF = 3


def budgets_path() -> Path:
    return Path(settings.CAM_DATA_DIR) / "gateway" / "budgets.json"


def publish_budgets() -> list[Standing]:
    """Write the file if it has changed; nothing where there never was a budget.

    Returns what it says. One writer at a time, from reading to writing: a file never goes back to
    an older state.
    """
    path = budgets_path()
    if not path.exists() and not Budget.objects.exists():
        return []
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with only_one(path.with_suffix(".lock")):
        now = timezone.now()
        # Before the sums, which then contain at least these bytes.
        ingested = _read_ingested()
        budgets = list(Budget.objects.active().select_related("user").order_by("pk"))
        standings = read_standings(budgets, now)
        _replace(path, _describe(standings, ingested, now), now)
    return standings


def _describe(
    standings: Sequence[Standing], ingested: dict[str, int], now: datetime
) -> dict[str, Any]:
    raisers = _name_raisers() if standings else ""
    return {
        "version": 1,
        "hold_usd": format_cost(settings.CAM_BUDGET_HOLD_USD),
        "ingested": ingested,
        "rates": _describe_rates(now),
        "budgets": [
            {
                "id": standing.budget.pk,
                "scope": standing.budget.scope,
                "user_id": standing.budget.user_id,
                "workspace": standing.budget.workspace or None,
                "limit_usd": format_cost(standing.limit_usd),
                "spent_usd": format_cost(standing.spent.cost_usd),
                "starts_at": standing.days.start_at.isoformat(),
                "resets_at": standing.days.end_at.isoformat(),
                "message": refusal(standing, raisers),
            }
            for standing in standings
        ],
    }


def refusal(standing: Standing, raisers: str) -> str:
    """What an agent's CLI shows when the budget is used up."""
    budget = standing.budget
    return (
        f"The {budget}, {format_usd(standing.limit_usd)}, is used up. "
        f"It starts anew on {standing.days.end:%-d %B %Y} at 00:00 UTC. "
        f"It can be raised by {raisers} at {settings.CAM_PUBLIC_URL}{budget.get_absolute_url()}"
    )


def _name_raisers() -> str:
    staff = User.objects.filter(is_staff=True, is_active=True).order_by("username")
    names = list(staff.values_list("username", flat=True)[:NAMED_STAFF])
    if not names:
        return "an administrator"
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _read_ingested() -> dict[str, int]:
    rows = SpoolCheckpoint.objects.filter(node=settings.CAM_NODE_NAME)
    return dict(rows.values_list("name", "offset"))


def _describe_rates(now: datetime) -> dict[str, dict[str, str | None]]:
    return {
        model: {kind: format_cost(getattr(rates, kind)) for kind in PRICED_KINDS}
        for model, rates in read_rates(now).items()
    }


def _replace(path: Path, content: dict[str, Any], now: datetime) -> None:
    """Write the whole file, unless all but its time is the same."""
    if _read_content(path) == content:
        return
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(json.dumps(content | {"written_at": now.isoformat()}))
    draft.replace(path)


def _read_content(path: Path) -> dict[str, Any] | None:
    """What the file says but for its time; None where it is missing or broken."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(content, dict):
        return None
    content.pop("written_at", None)
    return content
