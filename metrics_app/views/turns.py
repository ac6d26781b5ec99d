from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from agents.models import Agent
from agents.numbers import parse_seq
from agents.views.answers import Request, signed_in
from metrics_app.models import TurnCost
from metrics_app.templatetags.usage import usd

MAX_TURNS = 300


@require_safe
@signed_in
def agent_turn_costs(request: Request, agent_id: UUID) -> HttpResponse:
    """What the turns that ended with the lines `?seq=` cost, by line: ours, before that the CLI's."""
    agent = get_object_or_404(Agent.objects.visible_to(request.user), pk=agent_id)
    asked = [parse_seq(text) for text in request.GET.getlist("seq")[:MAX_TURNS]]
    turns = TurnCost.objects.filter(
        agent=agent, result_seq__in=[seq for seq in asked if seq is not None]
    )
    costs = {
        turn.result_seq: turn.cli_cost_usd if turn.our_cost_usd is None else turn.our_cost_usd
        for turn in turns
    }
    return JsonResponse({str(seq): usd(cost) for seq, cost in costs.items() if cost is not None})
