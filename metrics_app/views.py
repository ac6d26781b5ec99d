from datetime import UTC, date

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    JsonResponse,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_safe

from metrics_app import prometheus
from metrics_app.exports import describe_report, stream_csv
from metrics_app.forms import ReportForm, UsageFilterForm
from metrics_app.ledger import Grouping
from metrics_app.models import UsageRecord
from metrics_app.reports import (
    AgentSpend,
    UserSpend,
    make_cards,
    measure,
    period_start,
    rank_agents,
    rank_users,
)

ROWS_PER_PAGE = 50


@login_required
@require_safe
def metrics_home(request: HttpRequest) -> HttpResponse:
    """Usage and cost: one's own, or everyone's where staff ask for it."""
    form = UsageFilterForm(request.GET, request.user)
    records = UsageRecord.objects.visible_to(request.user)
    if not form.is_everyone:
        records = records.of_user(request.user)
    now = timezone.now()
    chosen = records.since(period_start(form.chosen_period, now))
    page = Paginator(rank_agents(chosen), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "period": form.chosen_period,
        "is_everyone": form.is_everyone,
        "cards": make_cards(records, now),
        "indicators": measure(chosen, now),
        "page": page,
        "agents": [AgentSpend.from_row(row, request.user.pk) for row in page],
        "users": [UserSpend.from_row(row) for row in rank_users(chosen)]
        if form.is_everyone
        else [],
    }
    return render(request, "metrics_app/metrics_home.html", context)


@login_required
@require_safe
def metrics_reports(request: HttpRequest) -> HttpResponse:
    """The ledger of a month or of days, summed: one's own, or that of users whom staff choose."""
    form = ReportForm(request.GET, request.user, _today())
    context: dict[str, object] = {"form": form, "groupings": Grouping}
    if form.is_valid():
        days = form.selection.days
        context |= {
            "report": form.selection.report(request.user),
            "month_before": days.month_before,
            "month_after": days.month_after,
        }
    return render(request, "metrics_app/metrics_reports.html", context)


@login_required
@require_GET
def metrics_calls_csv(request: HttpRequest) -> HttpResponseBase:
    """Every call of a report, a line each."""
    form = ReportForm(request.GET, request.user, _today())
    if not form.is_valid():
        return _refuse(form)
    calls = stream_csv(form.selection.records(request.user))
    response = StreamingHttpResponse(calls, content_type="text/csv; charset=utf-8")
    return _as_file(response, form, what="calls", extension="csv")


@login_required
@require_GET
def metrics_report_json(request: HttpRequest) -> HttpResponseBase:
    form = ReportForm(request.GET, request.user, _today())
    if not form.is_valid():
        return _refuse(form)
    response = JsonResponse(describe_report(form.selection.report(request.user)))
    return _as_file(response, form, what="report", extension="json")


@require_GET
def metrics_prometheus(request: HttpRequest) -> HttpResponse:
    """For the operators' monitoring, which brings the token of a staff user."""
    user = prometheus.find_caller(request)
    if user is None:
        return HttpResponse(
            "Send the token of a staff user.\n",
            status=401,
            content_type="text/plain",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if not user.is_staff:
        return HttpResponse("For staff only.\n", status=403, content_type="text/plain")
    return HttpResponse(prometheus.expose(), content_type=prometheus.CONTENT_TYPE)


def _today() -> date:
    return timezone.now().astimezone(UTC).date()


def _refuse(form: ReportForm) -> HttpResponse:
    """A file of something else than what was asked for would mislead."""
    return HttpResponseBadRequest(form.errors.as_text(), content_type="text/plain; charset=utf-8")


def _as_file(
    response: HttpResponseBase, form: ReportForm, *, what: str, extension: str
) -> HttpResponseBase:
    """Have the answer saved under a name such as `cam-calls-alice-2026-11.csv`."""
    name = f"cam-{what}-{form.whose}-{form.selection.days.slug}.{extension}"
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["Cache-Control"] = "private, no-store"
    return response
