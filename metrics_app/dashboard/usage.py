"""The selection's calls summed by step of time and model: what most of the dashboard is made of."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, reduce
from typing import TypeVar

from django.contrib.auth.models import User

from metrics_app.dashboard.days import Day, Sums
from metrics_app.dashboard.selection import DashboardSelection, hours_of
from metrics_app.indicators import cache_hit_rate, share, total_cache_savings
from metrics_app.overrides import load_overrides
from metrics_app.presets import Moment, Unit
from metrics_app.price_list import find_rates
from metrics_app.querysets import WholeSum
from metrics_app.ranges import DayRange

K = TypeVar("K", bound=Hashable)

HOUR_SUMS = {f"sum_{name}": WholeSum(name) for name in Sums._fields}


@dataclass(frozen=True, slots=True)
class Usage:
    """`steps` are all steps of the range; `cells` lack those of a model that had no calls."""

    unit: Unit
    steps: Sequence[Moment]
    cells: Mapping[tuple[Moment, str], Sums]
    by_step: Mapping[Moment, Sums]
    by_model: Mapping[str, Sums]
    total: Sums


@dataclass(frozen=True, slots=True)
class Indicators:
    """How well the calls went; rates from 0 to 1, None where there is nothing to tell."""

    cache_hit_rate: float | None
    cache_savings_usd: Decimal | None
    savings_lack_prices: bool
    error_rate: float | None
    rate_limited_rate: float | None
    overloaded_rate: float | None
    estimated_share: float | None
    unpriced: int


def read_usage(
    selection: DashboardSelection,
    viewer: User,
    days: DayRange,
    unit: Unit,
    known: Mapping[date, Day],
) -> Usage:
    """Of the days that are known; one query by the hour."""
    parts: Iterable[tuple[tuple[Moment, str], Sums]]
    if unit == Unit.HOUR:
        rows = hours_of(selection, viewer, days).values_list("hour", "model")
        parts = (((hour, model), Sums(*sums)) for hour, model, *sums in rows.annotate(**HOUR_SUMS))
    else:
        parts = (
            ((unit.start_of(day), model), sums)
            for day, of_day in known.items()
            for model, sums in of_day.usage.items()
        )
    cells = _sum_up(parts)
    by_model = _sum_up((model, sums) for (_, model), sums in cells.items())
    return Usage(
        unit=unit,
        steps=tuple(unit.steps(days)),
        cells=cells,
        by_step=_sum_up((step, sums) for (step, _), sums in cells.items()),
        by_model=by_model,
        total=reduce(Sums.plus, by_model.values(), Sums()),
    )


def measure(usage: Usage, now: datetime) -> Indicators:
    """One query. Savings are told at the prices of the minute."""
    total = usage.total
    minute, overrides = now.replace(second=0, microsecond=0), tuple(load_overrides())
    savings, lack_prices = total_cache_savings(
        (sums.tokens, _find_rates(model, minute, overrides))
        for model, sums in usage.by_model.items()
        if sums.tokens.cache_read or sums.tokens.cache_write
    )
    return Indicators(
        cache_hit_rate=cache_hit_rate(total.tokens),
        cache_savings_usd=savings,
        savings_lack_prices=lack_prices,
        error_rate=share(total.failed, total.calls),
        rate_limited_rate=share(total.rate_limited, total.calls),
        overloaded_rate=share(total.overloaded, total.calls),
        estimated_share=share(total.estimated_steps, total.cost_steps),
        unpriced=total.unpriced,
    )


# Looking prices up takes longer than all sums, and a page asks for the same ones again and again.
_find_rates = lru_cache(maxsize=200)(find_rates)


def _sum_up(parts: Iterable[tuple[K, Sums]]) -> Mapping[K, Sums]:
    found: dict[K, Sums] = {}
    for key, sums in parts:
        found[key] = found[key].plus(sums) if key in found else sums
    return found
