from pathlib import Path

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from agents.models import Notification
from agents.services.notifications import mark_read
from agents.site_settings import current
from agents.views.answers import Request, signed_in

SHOWN = 100
WORKER = Path(settings.BASE_DIR) / "cam_site" / "static" / "js" / "sw.js"


@require_safe
@signed_in
def notification_list(request: Request) -> HttpResponse:
    mine = Notification.objects.visible_to(request.user).filter(agent__deleted_at__isnull=True)
    context = {
        "notifications": mine.select_related("agent")[:SHOWN],
        "has_unread": mine.filter(read_at=None).exists(),
        "keep_days": current("CAM_NOTIFICATION_KEEP_DAYS"),
    }
    return render(request, "agents/notification_list.html", context)


@require_safe
@signed_in
@never_cache
def notification_open(request: Request, notification_id: int) -> HttpResponse:
    """Where a click on a notification leads: to its agent, and it counts as read."""
    mine = Notification.objects.visible_to(request.user).select_related("agent")
    row = get_object_or_404(mine, pk=notification_id)
    mine.filter(pk=row.pk, read_at=None).update(read_at=timezone.now())
    return redirect(row.agent)


@require_POST
@signed_in
def notifications_read(request: Request) -> HttpResponse:
    mark_read(request.user)
    return redirect("notification_list")


@require_safe
def service_worker(request: Request) -> HttpResponse:  # noqa: ARG001
    """From the root, because a service worker rules only what is below its own address."""
    response = HttpResponse(WORKER.read_text(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response
