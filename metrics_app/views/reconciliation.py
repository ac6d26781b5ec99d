from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_safe

from agents.models import Agent
from agents.views.answers import Request, signed_in
from metrics_app.exports import TURN_COLUMNS, stream_csv
from metrics_app.models import TurnCost, UsageRecord
from metrics_app.reconciliation.forms import TurnsForm
from metrics_app.views.files import as_file, refuse_file

TURNS_A_PAGE = 50
CALLS_A_PAGE = 100


@require_safe
@signed_in
def metrics_reconciliation(request: Request) -> HttpResponse:
    """Turns whose cost does not agree with the CLI's own figure, or all: one's own; staff see everyone's."""
    form = TurnsForm(request.GET, request.user)
    form.offer_agents()
    context: dict[str, object] = {"form": form}
    if form.is_valid():
        now = timezone.now()
        listed = form.selection.listed(request.user, now)
        page = Paginator(listed, TURNS_A_PAGE).get_page(request.GET.get("page"))
        agent_ids = {turn.agent_id for turn in page}
        openable = Agent.objects.visible_to(request.user).filter(pk__in=agent_ids)
        context |= {
            "selection": form.selection,
            "totals": form.selection.in_range(request.user, now).totals(),
            "page": page,
            "openable": set(openable.values_list("pk", flat=True)),
        }
    return render(request, "metrics_app/metrics_reconciliation.html", context)


@require_GET
@signed_in
def metrics_turns_csv(request: Request) -> HttpResponseBase:
    """The same turns, a line each, in the order of time."""
    form = TurnsForm(request.GET, request.user)
    if not form.is_valid():
        return refuse_file(form)
    lines = stream_csv(form.selection.listed(request.user, timezone.now()), TURN_COLUMNS)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    return as_file(response, form.file_name)


@require_safe
@signed_in
def metrics_turn(request: Request, turn_id: int) -> HttpResponse:
    """The calls of a turn, in the order in which they began."""
    seen = TurnCost.objects.visible_to(request.user).select_related("agent__owner", "session")
    turn = get_object_or_404(seen, pk=turn_id)
    calls = UsageRecord.objects.visible_to(request.user).filter(
        session_id=turn.session_id, turn=turn.turn
    )
    page = Paginator(calls.order_by("started_at", "pk"), CALLS_A_PAGE)
    context = {
        "turn": turn,
        "page": page.get_page(request.GET.get("page")),
        "totals": calls.totals(),
        "can_open": Agent.objects.visible_to(request.user).filter(pk=turn.agent_id).exists(),
    }
    return render(request, "metrics_app/metrics_turn.html", context)
