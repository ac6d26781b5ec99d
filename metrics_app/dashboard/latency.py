"""How long answers took, by model, out of the counted buckets."""

from collections.abc import Iterable
from operator import add

from metrics_app.charts import Chart, Kind, Measure, Row, number_series, pick_top
from metrics_app.dashboard.days import Day
from metrics_app.histogram import (
    BUCKETS,
    FIRST_BYTE_BOUNDS_MS,
    TOTAL_BOUNDS_MS,
    estimate_percentile,
)

NOTHING = [0] * (2 * BUCKETS)
SERIES = ("First byte, median", "First byte, p95", "Whole answer, median", "Whole answer, p95")


def draw_latency(days: Iterable[Day]) -> Chart:
    """The models with most answers, then the rest as one."""
    counts: dict[str, list[int]] = {}
    for day in days:
        for model, values in day.latencies.items():
            counts[model] = list(map(add, counts.get(model, NOTHING), values))
    top = pick_top({model: sum(values[BUCKETS:]) for model, values in counts.items()})
    rest = [values for model, values in counts.items() if model not in top]
    rows = [Row(model or "no model", _read(counts[model])) for model in top]
    if rest:
        together = NOTHING
        for values in rest:
            together = list(map(add, together, values))
        rows.append(Row(f"other ({len(rest)})", _read(together)))
    return Chart(
        id="latency",
        title="Time of answers by model",
        kind=Kind.BAR,
        measure=Measure.MILLISECONDS,
        axis="Model",
        series=number_series(SERIES),
        rows=tuple(rows),
    )


def _read(counts: list[int]) -> tuple[float | None, ...]:
    return tuple(
        estimate_percentile(part, bounds, percent)
        for part, bounds in (
            (counts[:BUCKETS], FIRST_BYTE_BOUNDS_MS),
            (counts[BUCKETS:], TOTAL_BOUNDS_MS),
        )
        for percent in (50, 95)
    )
