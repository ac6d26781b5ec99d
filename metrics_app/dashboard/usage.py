"""The selection's calls summed by step of time and model: what most of the dashboard is made of."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import add
from typing import NamedTuple, TypeVar

from django.contrib.auth.models import User
from django.db.models import Sum

from metrics_app.dashboard.selection import DashboardSelection
from metrics_app.indicators import cache_hit_rate, share, total_cache_savings
from metrics_app.models import DailyUsage, HourlyUsage
from metrics_app.overrides import load_overrides
from metrics_app.presets import Moment, Unit
from metrics_app.price_list import find_rates
from metrics_app.pricing import COST_STEP_USD, Tokens
from metrics_app.querysets import RollupQuerySet
from metrics_app.ranges import DayRange

K = TypeVar("K", bound=Hashable)


class Sums(NamedTuple):
    """Columns of the rollups."""

    calls: int = 0
    failed: int = 0
    rate_limited: int = 0
    overloaded: int = 0
    unpriced: int = 0
    cost_steps: int = 0
    estimated_steps: int = 0
    input_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    cache_read_tokens: int = 0
    output_tokens: int = 0

    def plus(self, other: "Sums") -> "Sums":
        return Sums(*map(add, self, other))

    @property
    def cost_usd(self) -> Decimal:
        return self.cost_steps * COST_STEP_USD

    @property
    def tokens(self) -> Tokens:
        return Tokens(
            input=self.input_tokens,
            cache_write_5m=self.cache_write_5m_tokens,
            cache_write_1h=self.cache_write_1h_tokens,
            cache_read=self.cache_read_tokens,
            output=self.output_tokens,
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """`steps` are all steps of the range; `cells` lack those of a model that had no calls."""

    unit: Unit
    steps: Sequence[Moment]
    cells: Mapping[tuple[Moment, str], Sums]

    @property
    def by_step(self) -> Mapping[Moment, Sums]:
        return _sum_up((step, sums) for (step, _), sums in self.cells.items())

    @property
    def by_model(self) -> Mapping[str, Sums]:
        return _sum_up((model, sums) for (_, model), sums in self.cells.items())

    @property
    def total(self) -> Sums:
        return _sum_up((None, sums) for sums in self.cells.values())[None]


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


def read_usage(selection: DashboardSelection, viewer: User, days: DayRange, unit: Unit) -> Usage:
    """One query."""
    rows = rows_of(selection, viewer, days, unit)
    column = "hour" if unit == Unit.HOUR else "day"
    found = rows.values_list(column, "model").annotate(
        **{f"sum_{name}": Sum(name) for name in Sums._fields}
    )
    cells = _sum_up(
        ((unit.start_of(step), model), Sums(*map(int, values))) for step, model, *values in found
    )
    return Usage(unit, tuple(unit.steps(days)), cells)


def rows_of(
    selection: DashboardSelection, viewer: User, days: DayRange, unit: Unit
) -> RollupQuerySet[HourlyUsage] | RollupQuerySet[DailyUsage]:
    if unit == Unit.HOUR:
        return selection.hourly(viewer).filter(hour__gte=days.start_at, hour__lt=days.end_at)
    return selection.daily(viewer).filter(day__gte=days.first, day__lt=days.end)


def measure(usage: Usage, now: datetime) -> Indicators:
    """One query. Savings are told at the prices of `now`."""
    total = usage.total
    overrides = load_overrides()
    savings, lack_prices = total_cache_savings(
        (sums.tokens, find_rates(model, now, overrides))
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


def _sum_up(parts: Iterable[tuple[K, Sums]]) -> Mapping[K, Sums]:
    found: defaultdict[K, Sums] = defaultdict(Sums)
    for key, sums in parts:
        found[key] = found[key].plus(sums)
    return found
