import re
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from agents.forms import PaletteForm, first_error
from agents.models import Agent
from agents.palette import find
from agents.views.answers import Request, signed_in

AGENTS_PAGE = re.compile(r"/agents/([0-9a-f-]{36})/")


@require_safe
@signed_in
def palette(request: Request) -> HttpResponse:
    """What `?q=` finds, on the page `?here=`: the list alone to htmx, else a page of its own."""
    form = PaletteForm(request.GET)
    template = "agents/_palette.html" if request.htmx else "agents/palette.html"
    context: dict[str, object] = {"form": form, "is_page": not request.htmx}
    if not form.is_valid():
        return render(request, template, context | {"error": first_error(form)}, status=422)
    here = form.cleaned_data["here"]
    agent = _agent_at(request, here)
    context |= {
        "groups": find(request.user, form.cleaned_data["q"], agent),
        "is_on_agents_page": agent is not None and here == agent.get_absolute_url(),
    }
    return render(request, template, context)


def _agent_at(request: Request, path: str) -> Agent | None:
    """The agent whose page the path is, if there is one that the user sees."""
    matched = AGENTS_PAGE.match(path)
    try:
        agent_id = UUID(matched[1]) if matched else None
    except ValueError:
        return None
    return Agent.objects.visible_to(request.user).filter(pk=agent_id).first() if agent_id else None
