from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from metrics_app.forms import UsageFilterForm
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
