from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from agents.views.answers import Request, signed_in
from metrics_app.forms import CostMailForm
from metrics_app.mails import NoAddress, TooManyRequests, last_month, request_report
from metrics_app.models import CostMail, CostMailPreference

MAILS_SHOWN = 10


@require_safe
@signed_in
def metrics_mails(request: Request) -> HttpResponse:
    """Which mails one gets, where to, and what became of the last ones."""
    wishes = CostMailPreference.objects.filter(user=request.user).first()
    context = {
        "form": CostMailForm(instance=wishes),
        "mails": CostMail.objects.visible_to(request.user)[:MAILS_SHOWN],
        "month": last_month(timezone.now()),
        "has_mail_server": not settings.EMAIL_BACKEND.endswith(".console.EmailBackend"),
    }
    return render(request, "metrics_app/metrics_mails.html", context)


@require_POST
@signed_in
def metrics_mails_choose(request: Request) -> HttpResponse:
    wishes = CostMailPreference.objects.filter(user=request.user).first()
    form = CostMailForm(request.POST, instance=wishes or CostMailPreference(user=request.user))
    if form.is_valid():
        form.save()
        messages.success(request, "Saved.")
    return redirect("metrics_mails")


@require_POST
@signed_in
def metrics_mails_send(request: Request) -> HttpResponse:
    """Last month's report, now."""
    try:
        request_report(request.user, last_month(timezone.now()))
    except (NoAddress, TooManyRequests) as exc:
        messages.error(request, str(exc))
    else:
        messages.success(request, "The report is on its way.")
    return redirect("metrics_mails")
