"""What the prompt box and the settings beside it do."""

from uuid import UUID

from django.db.models import Q
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from agents import services
from agents.errors import AgentError, InvalidRequest
from agents.forms import (
    EditModeForm,
    EffortForm,
    ModelForm,
    PlanModeForm,
    PromptForm,
    ScreenshotForm,
    first_error,
)
from agents.models import Agent, EditMode, Screenshot
from agents.views.answers import Request, agent_action, check_may_act, get_agent, signed_in
from agents.views.transcript import picture_response

HISTORY_PROMPTS = 100


@agent_action
def agent_send(request: Request, agent: Agent) -> str | None:
    form = PromptForm(request.POST)
    if not form.is_valid():
        return first_error(form)
    services.send_prompt(agent, author=request.user, **form.cleaned_data)
    return None


@agent_action
def prompt_remove(request: Request, agent: Agent, prompt_id: UUID) -> None:  # noqa: ARG001
    services.remove_prompt(agent, prompt_id)


@require_safe
@never_cache
@signed_in
def agent_composer(request: Request, agent_id: UUID) -> HttpResponse:
    """What the prompt box offers: the viewer's own prompts, newest first, and the CLI's commands."""
    agent = get_agent(request, agent_id)
    said = agent.prompts.filter(author=request.user).exclude(text="").order_by("-created_at")
    history = list(dict.fromkeys(said.values_list("text", flat=True)[:HISTORY_PROMPTS]))
    known = agent.sessions.exclude(commands=[]).order_by("-number")
    return JsonResponse(
        {
            "history": history,
            "commands": known.values_list("commands", flat=True).first() or [],
        }
    )


@require_POST
@signed_in
def screenshot_add(request: Request, agent_id: UUID) -> HttpResponse:
    """Keep an uploaded picture for the next prompt; answers with what the prompt box shows of it."""
    agent = get_agent(request, agent_id)
    check_may_act(request, agent)
    form = ScreenshotForm(request.POST, request.FILES)
    try:
        if not form.is_valid():
            raise InvalidRequest(first_error(form))
        screenshot = services.add_screenshot(
            agent, author=request.user, file=form.cleaned_data["file"]
        )
    except AgentError as exc:
        return render(request, "agents/_error.html", {"error": str(exc)}, status=422)
    return render(request, "agents/_screenshot.html", {"screenshot": screenshot})


@agent_action
def screenshot_remove(request: Request, agent: Agent, screenshot_id: UUID) -> None:
    services.remove_screenshot(agent, author=request.user, screenshot_id=screenshot_id)


@require_safe
@signed_in
def screenshot_image(request: Request, agent_id: UUID, screenshot_id: UUID) -> HttpResponse:
    """What is on its way to the agent, for all who see it; before it is sent, for its author."""
    seen = Screenshot.objects.visible_to(request.user).filter(
        Q(prompt__isnull=False) | Q(author=request.user), agent=agent_id
    )
    screenshot = get_object_or_404(seen, pk=screenshot_id)
    return picture_response(screenshot.media_type, bytes(screenshot.data))


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
    services.set_model(agent, form.cleaned_data["model"], by=request.user)
    return None


@agent_action
def agent_effort(request: Request, agent: Agent) -> str | None:
    form = EffortForm(request.POST)
    if not form.is_valid():
        return first_error(form)
    services.set_effort(agent, form.cleaned_data["effort"], by=request.user)
    return None


@agent_action
def agent_plan_mode(request: Request, agent: Agent) -> str | None:
    form = PlanModeForm(request.POST)
    if not form.is_valid():
        return first_error(form)
    plans_first = form.cleaned_data["plans_first"]
    services.set_plan_mode(agent, plans_first=plans_first, by=request.user)
    return None
