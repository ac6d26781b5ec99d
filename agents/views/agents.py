from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from agents import services
from agents.defaults import launch_defaults
from agents.errors import AgentError
from agents.forms import LaunchForm
from agents.fragments import queue_context
from agents.home import Grouping, HomeSelection, Order, State, find_asked, find_rows
from agents.models import Agent
from agents.views.answers import Request, agent_action, get_own_agent, signed_in
from agents.views.workspaces import browse


@require_safe
@signed_in
def agent_list(request: Request) -> HttpResponse:
    selection = HomeSelection.from_query(request.GET.dict())
    context = queue_context(find_asked(request.user)) | {
        "rows": find_rows(request.user, selection),
        "states": State.choices,
        "orders": Order.choices,
        "groupings": Grouping.choices,
    }
    return render(request, "agents/agent_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def agent_launch(request: Request) -> HttpResponse:
    form = LaunchForm(
        request.POST if request.method == "POST" else None, initial=launch_defaults(request.user)
    )
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(services.launch_agent(owner=request.user, **form.cleaned_data))
        except AgentError as exc:
            form.add_error(None, str(exc))
    path = request.POST.get("workspace", request.GET.get("path", ""))
    context = {"form": form} | browse(request.user, path)
    return render(request, "agents/agent_launch.html", context)


@agent_action
def agent_interrupt(request: Request, agent: Agent) -> None:
    services.interrupt_agent(agent, by=request.user)


@agent_action
def agent_stop(request: Request, agent: Agent) -> None:
    services.stop_agent(agent, by=request.user)


@agent_action
def agent_resume(request: Request, agent: Agent) -> None:
    services.resume_agent(agent, by=request.user)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def agent_delete(request: Request, agent_id: UUID) -> HttpResponse:
    """Ask first, then delete."""
    agent = get_own_agent(request, agent_id)
    if request.method == "POST":
        services.delete_agent(agent, by=request.user)
        return redirect("agent_list")
    return render(request, "agents/agent_delete.html", {"agent": agent})
