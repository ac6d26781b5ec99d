from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from agents.views.answers import Request, get_agent, signed_in
from metrics_app.templatetags.egress import egress_log


@require_safe
@signed_in
def agent_egress(request: Request, agent_id: UUID) -> HttpResponse:
    """The table alone, for htmx, 204 where `version` is the latest; else the page that it is on."""
    agent = get_agent(request, agent_id)
    if not request.htmx:
        return redirect("agent_security", agent.pk)
    context = egress_log(agent)
    if request.GET.get("version") == context["version"]:
        return HttpResponse(status=204)
    return render(request, "metrics_app/_egress.html", context)
