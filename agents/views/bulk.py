from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from agents.forms import StopForm
from agents.home import HomeSelection
from agents.models import Agent
from agents.rendering import plain
from agents.services.bulk import StopReport, find_chosen, stop_agents
from agents.views.answers import Request, signed_in

MAX_NAMED = 10


@require_POST
@signed_in
def agents_stop(request: Request) -> HttpResponse:
    """Stop the chosen agents; where they are more than one, after a page that asks."""
    form = StopForm(request.POST)
    selection = HomeSelection.from_query(QueryDict(request.POST.get("back", "")[:2_000]).dict())
    if not form.is_valid():
        messages.error(request, str(form.errors["agent"][0]))
    elif len(form.ids) > 1 and not form.cleaned_data["confirmed"]:
        chosen = find_chosen(form.ids, user=request.user)
        context = {"ids": form.ids, "agents": chosen, "selection": selection}
        return render(request, "agents/agents_stop.html", context)
    else:
        _tell(request, stop_agents(form.ids, user=request.user))
    query = f"?{selection.encoded}" if selection.encoded else ""
    return redirect(reverse("agent_list") + query)


def _tell(request: Request, report: StopReport) -> None:
    for level, words, agents in (
        (messages.SUCCESS, "Stopping", report.stopped),
        (messages.WARNING, "Not running", report.not_running),
        (messages.WARNING, "Shared with you only to look at", report.only_to_look_at),
    ):
        if agents:
            messages.add_message(request, level, f"{words}: {_name(agents)}.")
    if report.missing:
        messages.warning(request, f"Not there any more: {report.missing}.")


def _name(agents: Sequence[Agent]) -> str:
    names = ", ".join(plain(agent.name) for agent in agents[:MAX_NAMED])
    more = len(agents) - MAX_NAMED
    return f"{names} and {more} more" if more > 0 else names
