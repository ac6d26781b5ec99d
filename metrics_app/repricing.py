"""Prices stored calls again, from their raw usage, by the prices of today."""

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from agents.doorbells import ring_agents_on_commit
from metrics_app.attempts import assess
from metrics_app.models import UsageRecord
from metrics_app.overrides import load_overrides
from metrics_app.pricing import Override, PricedUsage, matches
from metrics_app.querysets import UsageRecordQuerySet
from metrics_app.rollups import RollupChange, let_others_write
from metrics_app.spool import SpoolLine
from metrics_app.turn_costs import compare_again

BATCH_ROWS = 500
PRICE_FIELDS = ("cost_usd", "is_estimated", "is_unpriced", "is_override", "price_version")
LINE_FIELDS = tuple({field.name for field in fields(SpoolLine)} - {"usage", "problems"})


@dataclass(slots=True)
class Repriced:
    """Changed rows of a model and their cost before and after; what is unpriced adds nothing."""

    rows: int = 0
    old_usd: Decimal = Decimal(0)
    new_usd: Decimal = Decimal(0)

    @property
    def difference_usd(self) -> Decimal:
        return self.new_usd - self.old_usd

    def add(self, old_usd: Decimal | None, new_usd: Decimal | None) -> None:
        self.rows += 1
        self.old_usd += old_usd or 0
        self.new_usd += new_usd or 0


def reprice(
    records: UsageRecordQuerySet, *, pattern: str = "*", is_dry_run: bool = False
) -> dict[str, Repriced]:
    """Price the records whose model fits; what changed, by model.

    Batches are locked and written in a transaction each: after a break, call it again. A row is
    written only when its cost or a flag of it changes, so `price_version` says what priced it first.
    """
    overrides = load_overrides()
    changes: dict[str, Repriced] = {}
    last: UsageRecord | None = None
    while True:
        with transaction.atomic():
            batch = _next_batch(records, last)
            changed = _find_changes(batch, pattern, overrides)
            for row, priced in changed:
                model = row.model or row.requested_model
                changes.setdefault(model, Repriced()).add(row.cost_usd, priced.cost_usd)
            if changed and not is_dry_run:
                _write(changed)
        if len(batch) < BATCH_ROWS:
            return changes
        last = batch[-1]
        let_others_write()


def _next_batch(records: UsageRecordQuerySet, last: UsageRecord | None) -> list[UsageRecord]:
    if last is not None:
        records = records.filter(
            Q(started_at__gt=last.started_at) | Q(started_at=last.started_at, pk__gt=last.pk),
            started_at__gte=last.started_at,  # implied, but this one an index can serve
        )
    return list(records.order_by("started_at", "pk").select_for_update()[:BATCH_ROWS])


def _find_changes(
    batch: list[UsageRecord], pattern: str, overrides: list[Override]
) -> list[tuple[UsageRecord, PricedUsage]]:
    changed = []
    for row in batch:
        if matches(pattern, row.model or row.requested_model):
            priced = assess(line_of(row), overrides).priced
            if _facts(priced) != _facts(row):
                changed.append((row, priced))
    return changed


def _write(changed: list[tuple[UsageRecord, PricedUsage]]) -> None:
    sums = RollupChange()
    for row, priced in changed:
        sums.remove(row)
        for name in PRICE_FIELDS:
            setattr(row, name, getattr(priced, name))
        sums.add(row)
    rows = [row for row, _ in changed]
    UsageRecord.objects.bulk_update(rows, PRICE_FIELDS)
    compare_again({(row.session_id, row.turn) for row in rows}, timezone.now())
    sums.write()
    ring_agents_on_commit({row.agent_id for row in rows})


def _facts(priced: PricedUsage | UsageRecord) -> tuple[object, ...]:
    return priced.cost_usd, priced.is_estimated, priced.is_unpriced, priced.is_override


def line_of(row: UsageRecord) -> SpoolLine:
    """The line that the row was made from, as far as it was believed."""
    values: dict[str, Any] = {name: getattr(row, name) for name in LINE_FIELDS}
    return SpoolLine(**values, usage=row.raw_usage, problems=())
