from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from agents import services
from agents.defaults import launch_defaults
from agents.errors import AgentError
from agents.forms import EditModeForm, LaunchForm, ModelForm, PromptForm, first_error
from agents.fragments import make_rows, queue_context, region_context
from agents.home import Grouping, HomeSelection, Order, State, find_asked, find_rows
from agents.models import Agent, EditMode, LiveText, SessionEvent
from agents.services.sharing import may_act
from agents.views.answers import Request, agent_action, get_agent, get_own_agent, signed_in
from agents.views.workspaces import browse

PAGE_ROWS = 300


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


@require_safe
@signed_in
def agent_detail(request: Request, agent_id: UUID) -> HttpResponse:
    agent = get_agent(request, agent_id)
    live_text = LiveText.objects.filter(agent=agent).values_list("text", flat=True).first()
    context = region_context(agent) | _events_before(agent, None) | {"live_text": live_text}
    context |= {
        "may_act": may_act(request.user, agent),
        "is_owner": agent.owner_id == request.user.pk,
    }
    context["shares"] = agent.shares.select_related("user", "group")
    return render(request, "agents/agent_detail.html", context)


@require_safe
@signed_in
def agent_events(request: Request, agent_id: UUID) -> HttpResponse:
    """The rows before `?before=<seq>`: for htmx to put in front, or a page of their own."""
    agent = get_agent(request, agent_id)
    text = request.GET.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    context = {"agent": agent} | _events_before(agent, before)
    template = "agents/_earlier_rows.html" if request.htmx else "agents/agent_events.html"
    return render(request, template, context)


def _events_before(agent: Agent, before: int | None) -> dict[str, object]:
    """The last PAGE_ROWS events (before a seq), the last one's number, and where more begin."""
    events = SessionEvent.objects.filter(agent=agent).order_by("-seq")
    if before is not None:
        events = events.filter(seq__lt=before)
    page = list(events[: PAGE_ROWS + 1])
    shown = page[:PAGE_ROWS][::-1]
    return {
        "rows": make_rows(shown),
        "last_seq": shown[-1].seq if shown else 0,
        "earlier": shown[0].seq if len(page) > PAGE_ROWS else None,
    }


@agent_action
def agent_send(request: Request, agent: Agent) -> str | None:
    form = PromptForm(request.POST)
    if not form.is_valid():
        return first_error(form)
    services.send_prompt(agent, author=request.user, text=form.cleaned_data["text"])
    return None


@agent_action
def agent_interrupt(request: Request, agent: Agent) -> None:  # noqa: ARG001
    services.interrupt_agent(agent)


@agent_action
def agent_stop(request: Request, agent: Agent) -> None:  # noqa: ARG001
    services.stop_agent(agent)


@agent_action
def agent_resume(request: Request, agent: Agent) -> None:  # noqa: ARG001
    services.resume_agent(agent)


@agent_action
def agent_edit_mode(request: Request, agent: Agent) -> str | None:
    form = EditModeForm(request.POST)
    if not form.is_valid():
        return first_error(form)
    mode = EditMode(form.cleaned_data["edit_mode"])
    services.set_edit_mode(agent, mode, user=request.user)
    return None


@agent_action
def agent_model(request: Request, agent: Agent) -> str | None:
    form = ModelForm(request.POST)
    if not form.is_valid():
        return first_error(form)
    services.set_model(agent, form.cleaned_data["model"])
    return None


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def agent_delete(request: Request, agent_id: UUID) -> HttpResponse:
    """Ask first, then delete."""
    agent = get_own_agent(request, agent_id)
    if request.method == "POST":
        services.delete_agent(agent)
        return redirect("agent_list")
    return render(request, "agents/agent_delete.html", {"agent": agent})
