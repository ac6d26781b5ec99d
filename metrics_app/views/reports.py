from datetime import UTC, date

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_safe

from metrics_app.exports import describe_report, stream_csv
from metrics_app.forms import ReportForm
from metrics_app.ledger import Grouping
from metrics_app.views.files import as_file, refuse_file


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
        return refuse_file(form)
    calls = stream_csv(form.selection.records(request.user))
    response = StreamingHttpResponse(calls, content_type="text/csv; charset=utf-8")
    return as_file(response, _name_file("calls", form, "csv"))


@login_required
@require_GET
def metrics_report_json(request: HttpRequest) -> HttpResponseBase:
    form = ReportForm(request.GET, request.user, _today())
    if not form.is_valid():
        return refuse_file(form)
    response = JsonResponse(describe_report(form.selection.report(request.user)))
    return as_file(response, _name_file("report", form, "json"))


def _today() -> date:
    return timezone.now().astimezone(UTC).date()


def _name_file(what: str, form: ReportForm, extension: str) -> str:
    return f"cam-{what}-{form.whose}-{form.selection.days.slug}.{extension}"
