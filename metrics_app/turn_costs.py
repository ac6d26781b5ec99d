"""Compares what a turn cost by our rows with the CLI's own figure.

A turn's calls are those that its messages name, and those that began between its two `result`
lines and are named by no message: side calls, and attempts that broke off.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, Sum

from metrics_app.models import TurnCost, UsageRecord
from metrics_app.pricing import COST_STEP_USD
from metrics_app.querysets import TurnCostQuerySet

MAX_TURNS_PER_RUN = 100
MAX_DAYS = 3650
DEFAULT_DAYS = 7
# The gateway writes a call when its answer ends, and the ingest comes by twice a second.
SETTLES_AFTER = timedelta(seconds=5)
# Turns that do not agree get a last look: rows may have come late.
LAST_LOOK_AFTER = timedelta(minutes=10)

IS_CUT = Q(complete=False, cost_usd__gt=0)
COMPARED = ("our_cost_usd", "difference_usd", "is_flagged", "reason")


@dataclass(frozen=True, slots=True)
class _Calls:
    """Sums over a turn's calls. `total_usd` lacks the unpriced ones."""

    count: int
    total_usd: Decimal
    cut: int
    cut_usd: Decimal
    unpriced: int
    overridden: int


def settled_turns(days: int, now: datetime) -> TurnCostQuerySet:
    """Turns that ended in the last days, but for those whose calls may still be on their way."""
    return TurnCost.objects.filter(
        ended_at__gte=now - timedelta(days=days), ended_at__lte=now - SETTLES_AFTER
    )


def compare_due_turns(now: datetime) -> None:
    """One query where none is due."""
    for turn in TurnCost.objects.filter(due_at__lte=now).order_by("due_at")[:MAX_TURNS_PER_RUN]:
        compare(turn, now)


def compare_again(turns: Iterable[tuple[int | None, int | None]], now: datetime) -> None:
    """Have turns, given as session id and number, compared anew; those to come stay as planned."""
    known = {turn for turn in turns if None not in turn}
    if known:
        TurnCost.objects.filter(
            session_id__in={session_id for session_id, _ in known},
            turn__in={number for _, number in known},
            due_at__isnull=True,
        ).update(due_at=now)


def compare(turn: TurnCost, now: datetime) -> None:
    """Set the turn's cost by our rows and what it differs by; writes nothing over a newer demand."""
    planned = turn.due_at
    with transaction.atomic():
        calls = _sum_calls(turn)
        _judge(turn, calls)
        last_look = turn.ended_at + LAST_LOOK_AFTER
        turn.due_at = last_look if turn.is_flagged and now < last_look else None
        TurnCost.objects.filter(pk=turn.pk, due_at=planned).update(
            due_at=turn.due_at, **{name: getattr(turn, name) for name in COMPARED}
        )


def _sum_calls(turn: TurnCost) -> _Calls:
    """Two queries: the calls that nothing names are given to the turn, then all are summed."""
    of_session = UsageRecord.objects.filter(session_id=turn.session_id).order_by()
    unnamed = of_session.filter(turn__isnull=True, started_at__lte=turn.ended_at)
    if turn.started_at is not None:
        unnamed = unnamed.filter(started_at__gt=turn.started_at)
    unnamed.update(turn=turn.turn)
    sums = of_session.filter(turn=turn.turn).aggregate(
        count=Count("pk"),
        total_usd=Sum("cost_usd"),
        cut=Count("pk", filter=IS_CUT),
        cut_usd=Sum("cost_usd", filter=IS_CUT),
        unpriced=Count("pk", filter=Q(is_unpriced=True)),
        overridden=Count("pk", filter=Q(is_override=True)),
    )
    # As elsewhere: SQLite sums in binary, and ten places restore the exact value.
    for name in ("total_usd", "cut_usd"):
        sums[name] = Decimal(sums[name] or 0).quantize(COST_STEP_USD)
    return _Calls(**sums)


def _judge(turn: TurnCost, calls: _Calls) -> None:
    turn.our_cost_usd = calls.total_usd
    turn.difference_usd = None if turn.cli_cost_usd is None else calls.total_usd - turn.cli_cost_usd
    tolerance = Decimal(str(settings.CAM_COST_TOLERANCE_USD))
    turn.is_flagged = turn.difference_usd is None or abs(turn.difference_usd) > tolerance
    turn.reason = "; ".join(_reasons(turn, calls)) if turn.is_flagged else ""


def _reasons(turn: TurnCost, calls: _Calls) -> Iterable[str]:
    """What is known to make the two differ; nothing where nothing is."""
    if turn.cli_cost_usd is None:
        yield "the CLI gave no figure"
    if not calls.count:
        yield "no calls recorded"
    if calls.cut:
        yield f"{calls.cut} cut short, which the CLI leaves out ({calls.cut_usd.normalize():f} USD)"
    if calls.unpriced:
        yield f"{calls.unpriced} without a price"
    if calls.overridden:
        yield f"{calls.overridden} priced by an override, which the CLI does not know"
