"""What an HTTP attempt owes: its line in the spool, read and priced. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from metrics_app.pricing import (
    PRICE_VERSION,
    Override,
    PricedUsage,
    Tokens,
    price,
)
from metrics_app.raw_usage import UsageReading, read_usage
from metrics_app.spool import SpoolLine, clean_text

NOTHING_OWED = PricedUsage(None)
COSTS_NOTHING = PricedUsage(Decimal(0))
UNPRICED = PricedUsage(None, PRICE_VERSION, is_unpriced=True)


@dataclass(frozen=True, slots=True)
class Assessment:
    """Tokens and cost of an attempt; `problems` names the values that were not believed."""

    tokens: Tokens
    priced: PricedUsage
    service_tier: str = ""
    speed: str = ""
    inference_geo: str = ""
    problems: tuple[str, ...] = ()


def assess(line: SpoolLine, overrides: Iterable[Override] = ()) -> Assessment:
    """Counting tokens is free and no usage; a refused or unanswered attempt owes nothing."""
    if line.kind == "count_tokens":
        return Assessment(Tokens(), COSTS_NOTHING if line.is_success else NOTHING_OWED)
    if not line.is_success:
        return Assessment(Tokens(), NOTHING_OWED)
    if line.usage is None:
        return Assessment(Tokens(), UNPRICED if _should_have_usage(line) else NOTHING_OWED)
    return _assess_usage(line, line.usage, overrides)


def _should_have_usage(line: SpoolLine) -> bool:
    """An answered message was billed. So is a new batch, whose results come later."""
    is_new_batch = (
        line.kind == "batches" and line.method == "POST" and line.path.endswith("/batches")
    )
    return line.kind == "messages" or is_new_batch


def _assess_usage(
    line: SpoolLine, usage: dict[str, Any], overrides: Iterable[Override]
) -> Assessment:
    reading = read_usage(usage, uncounted_output_tokens=line.uncounted_output_tokens)
    service_tier = _word(usage, "service_tier")
    speed, inference_geo = _word(usage, "speed"), _word(usage, "inference_geo")
    priced = price(
        reading.parts,
        line.model or line.requested_model,
        line.started_at,
        speed=speed,
        inference_geo=inference_geo,
        is_batch=service_tier == "batch" or line.kind == "batches",
        overrides=overrides,
    )
    priced = _add_advice(priced, line, reading, inference_geo, overrides)
    problems = tuple(f"usage.{name}" for name in (*reading.clamped, *reading.refused))
    return Assessment(
        reading.tokens, _doubt(priced, line, reading), service_tier, speed, inference_geo, problems
    )


def _add_advice(
    priced: PricedUsage,
    line: SpoolLine,
    reading: UsageReading,
    inference_geo: str,
    overrides: Iterable[Override],
) -> PricedUsage:
    """With what advisors used, at standard speed. Without the price of one, the sum has none."""
    for advice in reading.advice:
        added = price(
            [advice.tokens],
            advice.model,
            line.started_at,
            inference_geo=inference_geo,
            overrides=overrides,
        )
        priced = replace(
            priced,
            cost_usd=_add(priced.cost_usd, added.cost_usd),
            is_unpriced=priced.is_unpriced or added.is_unpriced,
            is_estimated=priced.is_estimated or added.is_estimated,
            is_override=priced.is_override or added.is_override,
        )
    return priced


def _add(known: Decimal | None, more: Decimal | None) -> Decimal | None:
    return None if known is None or more is None else known + more


def _doubt(priced: PricedUsage, line: SpoolLine, reading: UsageReading) -> PricedUsage:
    """Say what the price is worth: a cut stream hides its last counts."""
    if reading.refused:
        return replace(priced, cost_usd=None, is_unpriced=True, is_estimated=False)
    is_doubtful = not line.complete or not line.model or bool(reading.clamped)
    return replace(
        priced, is_estimated=not priced.is_unpriced and (priced.is_estimated or is_doubtful)
    )


def _word(usage: dict[str, Any], name: str) -> str:
    value = usage.get(name)
    return clean_text(value, 40) if isinstance(value, str) else ""
