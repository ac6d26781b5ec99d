"""The sums of single days, kept in memory for as long as nothing is written to the day.

Nearly all days of a dashboard are over and stay as they are, so that mostly today is read. What is
kept is checked against `DayVersion` at each use: a late call or another price is seen at once.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import count, repeat
from operator import add
from typing import Any, Literal, NamedTuple, get_args

from django.contrib.auth.models import User
from django.db.models import CharField
from django.db.models.functions import Cast

from metrics_app.dashboard.kept import Kept
from metrics_app.dashboard.selection import DashboardSelection, SeriesBy, within
from metrics_app.models import DayVersion
from metrics_app.models.rollups import FIRST_BYTE_COLUMNS, TOTAL_COLUMNS
from metrics_app.pricing import COST_STEP_USD, Tokens
from metrics_app.ranges import DayRange

# About 0.3 kB each: 300 in a day with hundreds of sessions.
MAX_KEPT_SUMS = 200_000


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


class Cost(NamedTuple):
    """What calls came to. The steps lack the `unpriced` ones."""

    calls: int = 0
    unpriced: int = 0
    steps: int = 0

    def plus(self, other: "Cost") -> "Cost":
        return Cost(
            self.calls + other.calls, self.unpriced + other.unpriced, self.steps + other.steps
        )


Noun = Literal["users", "workspaces", "agents", "sessions"]


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """By model the sums, and how many answers took how long (first byte, then total); costs by whom.

    Users and sessions have their ids as keys, agents theirs as text; calls of no known session are
    in none of them. An agent never changes its workspace. Nothing is added once a day is read, and
    another reading has another serial.
    """

    usage: dict[str, Sums] = field(default_factory=dict)
    latencies: dict[str, Sequence[int]] = field(default_factory=dict)
    costs: dict[Noun, dict[Any, Cost]] = field(
        default_factory=lambda: {noun: {} for noun in get_args(Noun)}
    )
    serial: int = field(default_factory=count().__next__)

    @property
    def size(self) -> int:
        return 1 + len(self.usage) + sum(map(len, self.costs.values()))

    def add(self, model: str, sums: Sums, latencies: Sequence[int]) -> None:
        self.usage[model] = self.usage.get(model, Sums()).plus(sums)
        if any(latencies):
            self.latencies[model] = list(map(add, self.latencies.get(model, repeat(0)), latencies))

    def spend(self, noun: Noun, key: int | str, cost: Cost) -> None:
        costs = self.costs[noun]
        costs[key] = costs[key].plus(cost) if key in costs else cost


SUM_COLUMNS = Sums._fields
LATENCY_COLUMNS = (*FIRST_BYTE_COLUMNS, *TOTAL_COLUMNS)

_kept: Kept[tuple[Hashable, date], tuple[int, Day]] = Kept(MAX_KEPT_SUMS)


def forget_days() -> None:
    """As a new process begins."""
    _kept.clear()


def read_days(selection: DashboardSelection, viewer: User, days: DayRange) -> dict[date, Day]:
    """Those with calls of anyone, in their order. One query, and two more where a day changed."""
    # Versions first: what is written from here on makes what is kept an old version.
    versions = read_versions(selection, viewer, days)
    scope = (
        None if viewer.is_staff else viewer.pk,
        replace(selection, days=None, by=SeriesBy.MODEL, unit=None),
    )
    found: dict[date, Day] = {}
    for day, version in versions.items():
        kept_version, kept = _kept.get((scope, day)) or (None, None)
        if kept is not None and kept_version == version:
            found[day] = kept
    if missing := versions.keys() - found.keys():
        read = _read(selection, viewer, DayRange(min(missing), max(missing) + timedelta(days=1)))
        found |= {day: read[day] for day in missing}
    ordered = {day: found[day] for day in versions}
    # The oldest first: where not all fit, the days that are left out are next to each other.
    for day, sums in ordered.items():
        _kept.put((scope, day), (versions[day], sums), sums.size)
    return ordered


def read_versions(
    selection: DashboardSelection, viewer: User, days: DayRange | None = None
) -> dict[date, int]:
    """By day with calls, all or of `days`; another number once anything of the day has changed."""
    every = DayVersion.objects.visible_to(viewer, selection.user_id)
    versions = every if days is None else within(every, days)
    return dict(versions.order_by("day").values_list("day", "version"))


def _read(selection: DashboardSelection, viewer: User, span: DayRange) -> Mapping[date, Day]:
    days: defaultdict[date, Day] = defaultdict(Day)
    rows = within(selection.daily(viewer), span)
    for day, model, *values in rows.values_list("day", "model", *SUM_COLUMNS, *LATENCY_COLUMNS):
        days[day].add(model, Sums(*values[: len(SUM_COLUMNS)]), values[len(SUM_COLUMNS) :])
    # UUIDs would be made of each of thousands of texts.
    agent = Cast("agent_id", CharField())
    costs = within(selection.spending(viewer), span).values_list(
        "day", "session_id", "user_id", "agent__workspace", agent, "calls", "unpriced", "cost_steps"
    )
    for day, session_id, user_id, workspace, agent_id, *values in costs:
        cost = Cost(*values)
        days[day].spend("users", user_id, cost)
        days[day].spend("workspaces", workspace, cost)
        days[day].spend("agents", agent_id, cost)
        if session_id:
            days[day].spend("sessions", session_id, cost)
    return days
