from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from metrics_app import prometheus


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
