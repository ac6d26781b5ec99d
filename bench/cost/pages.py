"""Whole pages, and what they are made of. Runs in the process of a `Database`."""

import time
from collections.abc import Callable
from datetime import UTC, date

from django.contrib.auth.models import User
from django.db.models import F, Sum, Value
from django.db.models.functions import Coalesce, NullIf, TruncDate
from django.test import Client
from django.utils import timezone

from bench.cost.load import STAFF
from metrics_app import prometheus
from metrics_app.dashboard import make_dashboard
from metrics_app.dashboard.days import forget_days
from metrics_app.dashboard.selection import DashboardSelection
from metrics_app.ledger import GROUP_KEYS, Grouping, Selection
from metrics_app.models import DailyTotal, DailyUsage, DayVersion, HourlyUsage, UsageRecord
from metrics_app.querysets import ROLLUP_SUMS, SUMS, UsageTotals
from metrics_app.ranges import DayRange

RAW_KEYS = GROUP_KEYS | {
    Grouping.MODEL: Coalesce(NullIf(F("model"), Value("")), F("requested_model")),
    Grouping.DAY: TruncDate("started_at", tzinfo=UTC),
}

_clients: list[Client] = []


def get(path: str) -> bytes:
    """As a member of the staff, who sees everyone's."""
    if not _clients:
        client = Client(headers={"host": "localhost"})
        client.force_login(_staff())
        _clients.append(client)
    response = _clients[0].get(path)
    assert response.status_code == 200, f"{path}: {response.status_code}"
    return response.getvalue()


def time_page(path: str) -> float:
    """Milliseconds in the web process, from the request to its whole answer."""
    return _milliseconds(lambda: get(path))


def time_dashboard(first: date, end: date) -> float:
    """All that the page shows, without its HTML, when a call of today has just come in."""
    selection, viewer = DashboardSelection(days=DayRange(first, end)), _staff()
    now = timezone.now()
    today = DayVersion.objects.filter(day=now.astimezone(UTC).date())
    assert today.update(version=F("version") + 1)
    return _milliseconds(lambda: make_dashboard(selection, viewer, now))


def time_first_dashboard(first: date, end: date) -> float:
    """The same in a web process that has just started."""
    forget_days()
    return time_dashboard(first, end)


def time_scrape() -> float:
    return _milliseconds(prometheus.expose)


def time_report(grouping: str, first: date, end: date) -> float:
    """What `Selection.report` takes, the answer to one question with one query."""
    selection, viewer = Selection(DayRange(first, end), Grouping(grouping)), _staff()
    return _milliseconds(lambda: selection.report(viewer))


def time_raw_report(grouping: str, first: date, end: date) -> float:
    """The same of the single calls. The two have to agree to the last digit."""
    selection, viewer = Selection(DayRange(first, end), Grouping(grouping)), _staff()
    found: dict[str, UsageTotals] = {}

    def sum_up() -> None:
        rows = selection.records(viewer).order_by().values(group_key=RAW_KEYS[selection.grouping])
        for row in rows.annotate(**SUMS):
            found[str(row["group_key"])] = UsageTotals.from_row(row)

    taken = _milliseconds(sum_up)
    lines = {line.key: line.totals for line in selection.report(viewer).lines}
    assert lines == found, f"sums by {grouping} are not those of the calls"
    return taken


def check_totals() -> None:
    """By hour, by day and of the calls: they have to be the same."""
    found = [model.objects.all().totals() for model in (UsageRecord, HourlyUsage, DailyUsage)]
    everyone = DailyTotal.objects.of_everyone().aggregate(**ROLLUP_SUMS)
    found.append(UsageTotals.from_row(everyone))
    assert all(other == found[0] for other in found), f"sums differ: {found}"


def sums_by_day_and_model() -> dict[tuple[str, str], tuple[int, ...]]:
    """Tokens of answered calls: input, cache written, cache read, output."""
    answered = DailyTotal.objects.of_everyone().filter(is_answered=True).values_list("day", "model")
    rows = answered.annotate(
        input=Sum("input_tokens"),
        written=Sum(F("cache_write_5m_tokens") + F("cache_write_1h_tokens")),
        read=Sum("cache_read_tokens"),
        output=Sum("output_tokens"),
    )
    return {(str(day), model): tuple(map(int, sums)) for day, model, *sums in rows}


def _staff() -> User:
    return User.objects.get(username=STAFF)


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3
