"""What a chart shows: a table, of which `static/js/charts.js` draws a picture. Pure."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from heapq import nlargest
from typing import TypeVar

MAX_SERIES = 8
OTHER = "other"

Number = int | float | Decimal
Key = TypeVar("Key", bound=Hashable)
Step = TypeVar("Step", bound=Hashable)


class Kind(StrEnum):
    STACKED = "stacked"
    LINE = "line"
    BAR = "bar"


class Measure(StrEnum):
    """What the numbers are. A share is from 0 to 1."""

    USD = "usd"
    TOKENS = "tokens"
    SHARE = "share"
    MILLISECONDS = "ms"


@dataclass(frozen=True, slots=True)
class Series:
    """A column. `colour` is that of the token `--series-1` to `-8`, or `other`."""

    label: str
    colour: str


@dataclass(frozen=True, slots=True)
class Row:
    """A number for each series, None where there is nothing to tell."""

    label: str
    values: tuple[Number | None, ...]
    total: Number | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """`id` is the figure's, `axis` the heading of the labels."""

    id: str
    title: str
    kind: Kind
    measure: Measure
    axis: str
    series: tuple[Series, ...]
    rows: tuple[Row, ...] = ()

    @property
    def has_totals(self) -> bool:
        return any(row.total is not None for row in self.rows)


def number_series(labels: Iterable[str]) -> tuple[Series, ...]:
    """Series in the order of their colours."""
    return tuple(Series(label, str(number)) for number, label in enumerate(labels, start=1))


def pick_top(sums: Mapping[Key, int], limit: int = MAX_SERIES) -> list[Key]:
    """The keys of the largest sums, the largest first; those that are equal in a fixed order."""
    least = min(nlargest(limit, sums.values()), default=0)
    found = [key for key, value in sums.items() if value >= least]
    return sorted(found, key=lambda key: (-sums[key], str(key)))[:limit]


def stack(
    values: Mapping[tuple[Step, Key], int], steps: Sequence[Step], labels: Mapping[Key, str]
) -> tuple[tuple[Series, ...], list[tuple[int, ...]]]:
    """The largest keys as series and the rest as "other", with 0 where a step has nothing.

    Colours go by label, so that two series that change places keep theirs.
    """
    sums: dict[Key, int] = {}
    for (_, key), value in values.items():
        sums[key] = sums.get(key, 0) + value
    top = pick_top(sums)
    named = {key: labels.get(key) or "no name" for key in top}
    colours = {
        key: str(number)
        for number, key in enumerate(sorted(top, key=lambda key: named[key]), start=1)
    }
    series = [Series(named[key], colours[key]) for key in top]
    rest = sums.keys() - set(top)
    if rest:
        series.append(Series(f"{OTHER} ({len(rest)})", OTHER))
    beyond: dict[Step, int] = {}
    for (step, key), value in values.items():
        if key in rest:
            beyond[step] = beyond.get(step, 0) + value
    rows = [
        tuple(values.get((step, key), 0) for key in top) + ((beyond.get(step, 0),) if rest else ())
        for step in steps
    ]
    return tuple(series), rows
