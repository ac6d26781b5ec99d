"""What operators watch, in Prometheus' text format, read from the rows at each scrape."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Case, Count, F, Value, When
from django.http import HttpRequest
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agents.models import Agent, ApprovalRequest, Status
from agents.tokens import user_of_authorization
from metrics_app.budgets.standing import read_standings
from metrics_app.models import Budget, DailyTotal
from metrics_app.price_list import PRICED_KINDS
from metrics_app.querysets import ROLLUP_SUMS, UsageTotals
from metrics_app.spool_state import SpoolState

CONTENT_TYPE = CONTENT_TYPE_LATEST


def find_caller(request: HttpRequest) -> User | None:
    """Whose token came, or else who is signed in. A token that is sent has to be good."""
    if header := request.headers.get("Authorization"):
        return user_of_authorization(header)
    return request.user if request.user.is_authenticated else None


def expose() -> bytes:
    """Everything, in six queries and a look at the spool folder; more where there are budgets."""
    registry = CollectorRegistry()
    registry.register(PortalCollector())
    return generate_latest(registry)


class PortalCollector(Collector):
    """Reads afresh each time it is asked: nothing is counted in this process, of which many run."""

    def describe(self) -> list[Metric]:
        """Nothing, so that registering it does not read the rows."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield _agents()
        yield _pending_approvals()
        yield from _ledger()
        yield from _spool()
        yield from _budgets()


def _agents() -> Metric:
    counted = dict(
        Agent.objects.filter(deleted_at=None).order_by().values_list("status").annotate(Count("pk"))
    )
    gauge = GaugeMetricFamily("cam_agents", "Agents by status.", labels=["status"])
    for status in Status.values:
        gauge.add_metric([status], counted.get(status, 0))
    return gauge


def _pending_approvals() -> Metric:
    waiting = ApprovalRequest.objects.pending().filter(agent__deleted_at=None).count()
    return GaugeMetricFamily(
        "cam_pending_approvals", "Requests of agents that wait for a person.", value=waiting
    )


def _ledger() -> Iterator[Metric]:
    """By the model that answered, empty where none did: an agent cannot make up labels."""
    cost = CounterMetricFamily("cam_cost_usd", "Cost of all priced calls.", labels=["model"])
    calls = CounterMetricFamily("cam_calls", "Calls at the model API.", labels=["model"])
    tokens = CounterMetricFamily("cam_tokens", "Tokens by kind.", labels=["model", "kind"])
    unpriced = GaugeMetricFamily(
        "cam_unpriced_calls", "Calls that cost nobody knows how much.", labels=["model"]
    )
    answered = Case(When(is_answered=True, then=F("model")), default=Value(""))
    rows: Any = DailyTotal.objects.of_everyone().values(label=answered).annotate(**ROLLUP_SUMS)
    for row in rows.order_by("label"):
        totals = UsageTotals.from_row(row)
        model = row["label"]
        cost.add_metric([model], float(totals.cost_usd))
        calls.add_metric([model], totals.calls)
        unpriced.add_metric([model], totals.unpriced)
        for kind in PRICED_KINDS:
            tokens.add_metric([model, kind], row[f"sum_{kind}_tokens"] or 0)
    yield from (cost, calls, tokens, unpriced)


def _spool() -> Iterator[Metric]:
    """This node's."""
    state = SpoolState.read()
    yield GaugeMetricFamily(
        "cam_spool_backlog_files",
        "Files of the usage spool that are not ingested to their end.",
        value=state.backlog_files,
    )
    yield GaugeMetricFamily(
        "cam_spool_backlog_bytes", "Bytes of the usage spool to ingest.", value=state.backlog_bytes
    )
    left_out = CounterMetricFamily(
        "cam_ingest_left_out_lines",
        "Lines of the usage spool that became no row, by reason.",
        labels=["reason"],
    )
    for reason, lines in state.left_out.items():
        left_out.add_metric([reason.value], lines)
    yield left_out


def _budgets() -> Iterator[Metric]:
    """Those that hold, in their present periods."""
    labels = ["budget", "scope", "target", "period"]
    limit = GaugeMetricFamily("cam_budget_limit_usd", "With top-ups.", labels=labels)
    spent = GaugeMetricFamily(
        "cam_budget_spent_usd",
        "What counts of the period; unpriced calls at the dearest known price.",
        labels=labels,
    )
    budgets = list(Budget.objects.active().select_related("user").order_by("pk"))
    for standing in read_standings(budgets, timezone.now()):
        budget = standing.budget
        values = [str(budget.pk), budget.scope, budget.whose, budget.period]
        limit.add_metric(values, float(standing.limit_usd))
        spent.add_metric(values, float(standing.spent.cost_usd))
    yield from (limit, spent)
