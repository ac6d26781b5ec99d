from datetime import UTC

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import push_url

from agents.views.answers import Request, signed_in
from metrics_app.dashboard import ledger_version, make_dashboard
from metrics_app.dashboard.forms import DashboardForm

PAGE = "metrics_app/metrics_home.html"


@require_safe
@signed_in
@vary_on_headers("HX-Request", "HX-Target")
def metrics_home(request: Request) -> HttpResponse:
    """The dashboard, or what of it htmx asks for: 204 where `version` is still the latest."""
    now = timezone.now()
    form = DashboardForm(request.GET, request.user, now.astimezone(UTC).date())
    selection = form.selection
    version = ledger_version(selection, request.user, now)
    if request.htmx and request.GET.get("version") == version:
        return HttpResponse(status=204)
    form.offer_choices()
    dashboard = make_dashboard(selection, request.user, now)
    context = {
        "form": form,
        "version": version,
        "dashboard": dashboard,
        "report_url": form.report_link(dashboard.days),
        "unit_links": form.unit_links(dashboard.days, dashboard.unit),
    }
    if not request.htmx or request.htmx.history_restore_request:
        return render(request, PAGE, context)
    if request.htmx.target == "figures":
        return render(request, f"{PAGE}#figures", context)
    return push_url(render(request, f"{PAGE}#dashboard", context), form.url)
