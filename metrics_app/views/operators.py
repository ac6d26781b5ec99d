from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_safe

from metrics_app import prometheus
from metrics_app.spool_state import SpoolState


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


@login_required
@require_safe
def metrics_ingest(request: HttpRequest) -> HttpResponse:
    """How the calls that the gateway notes get into the ledger. For staff."""
    if not request.user.is_staff:
        raise Http404
    return render(request, "metrics_app/metrics_ingest.html", {"state": SpoolState.read()})
