from typing import Any
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404
from ninja import File, Form, Query, Router, Status, UploadedFile
from ninja.errors import HttpError

from agents import services
from agents.api.auth import ApiRequest
from agents.api.schemas import (
    AgentList,
    AgentOut,
    AgentSlice,
    ChangeBody,
    EditModeBody,
    ErrorOut,
    EventPage,
    LaunchBody,
    Page,
    PromptOut,
    ScreenshotBody,
    SendBody,
)
from agents.models import Agent, EditMode, Prompt, SessionEvent
from agents.services.sharing import ONLY_LOOK, ONLY_THE_OWNER, may_act

router = Router()

REFUSALS: dict[frozenset[int], Any] = {frozenset({400, 401, 403, 404, 409, 422}): ErrorOut}


def visible_agent(request: ApiRequest, agent_id: UUID) -> Agent:
    """The caller's agent, with its owner; raises Http404 for everybody else's."""
    return get_object_or_404(
        Agent.objects.visible_to(request.auth).select_related("owner"), pk=agent_id
    )


def actable_agent(request: ApiRequest, agent_id: UUID) -> Agent:
    """As `visible_agent`; 403 where the caller may only look at it."""
    agent = visible_agent(request, agent_id)
    if not may_act(request.auth, agent):
        raise HttpError(403, ONLY_LOOK)
    return agent


@router.get("", response={200: AgentList, **REFUSALS}, summary="List your agents, newest first.")
def list_agents(request: ApiRequest, asked: Query[AgentSlice]) -> dict[str, Any]:
    agents = Agent.objects.visible_to(request.auth).order_by("-created_at", "pk")
    return {"agents": agents[asked.offset : asked.offset + asked.limit]}


@router.post(
    "", response={201: AgentOut, **REFUSALS}, summary="Create an agent on a folder and start it."
)
def launch_agent(request: ApiRequest, body: LaunchBody) -> Status[Agent]:
    agent = services.launch_agent(owner=request.auth, source=Prompt.Source.API, **body.model_dump())
    return Status(201, agent)


@router.get(
    "/{uuid:agent_id}", response={200: AgentOut, **REFUSALS}, summary="Show one of your agents."
)
def get_agent(request: ApiRequest, agent_id: UUID) -> Agent:
    return visible_agent(request, agent_id)


@router.delete(
    "/{uuid:agent_id}",
    response={204: None, **REFUSALS},
    summary="Delete an agent with its container, home and transcript.",
)
def delete_agent(request: ApiRequest, agent_id: UUID) -> Status[None]:
    agent = visible_agent(request, agent_id)
    if agent.owner_id != request.auth.pk:
        raise HttpError(403, ONLY_THE_OWNER)
    services.delete_agent(agent, by=request.auth)
    return Status(204, None)


@router.post(
    "/{uuid:agent_id}/send",
    response={202: PromptOut, **REFUSALS},
    summary="Say something to an agent; one that has stopped is resumed for it.",
)
def send_prompt(request: ApiRequest, agent_id: UUID, body: SendBody) -> Status[Prompt]:
    agent = actable_agent(request, agent_id)
    prompt = services.send_prompt(
        agent, author=request.auth, text=body.text, source=Prompt.Source.API
    )
    return Status(202, prompt)


@router.post(
    "/{uuid:agent_id}/screenshot",
    response={202: PromptOut, **REFUSALS},
    summary="Show a picture to an agent, with words if you like.",
)
def send_screenshot(
    request: ApiRequest,
    agent_id: UUID,
    file: File[UploadedFile],
    body: Form[ScreenshotBody],
) -> Status[Prompt]:
    agent = actable_agent(request, agent_id)
    with transaction.atomic():
        screenshot = services.add_screenshot(agent, author=request.auth, file=file)
        prompt = services.send_prompt(
            agent,
            author=request.auth,
            text=body.text,
            screenshots=[screenshot.pk],
            source=Prompt.Source.API,
        )
    return Status(202, prompt)


@router.delete(
    "/{uuid:agent_id}/prompts/{uuid:prompt_id}",
    response={204: None, **REFUSALS},
    summary="Take back a prompt that the agent has not begun.",
)
def remove_prompt(request: ApiRequest, agent_id: UUID, prompt_id: UUID) -> Status[None]:
    agent = actable_agent(request, agent_id)
    services.remove_prompt(agent, prompt_id)
    return Status(204, None)


@router.patch(
    "/{uuid:agent_id}",
    response={200: AgentOut, **REFUSALS},
    summary="Change an agent's model, effort or plan mode; what is not given stays.",
)
def change_agent(request: ApiRequest, agent_id: UUID, body: ChangeBody) -> Agent:
    agent = actable_agent(request, agent_id)
    with transaction.atomic():
        if body.model is not None:
            services.set_model(agent, body.model, by=request.auth)
        if body.effort is not None:
            services.set_effort(agent, body.effort, by=request.auth)
        if body.plans_first is not None:
            services.set_plan_mode(agent, plans_first=body.plans_first, by=request.auth)
    return visible_agent(request, agent_id)


@router.post(
    "/{uuid:agent_id}/approve-edits",
    response={200: AgentOut, **REFUSALS},
    summary="Set who answers the agent's edits; those that wait are answered at once.",
)
def approve_edits(request: ApiRequest, agent_id: UUID, body: EditModeBody) -> Agent:
    agent = actable_agent(request, agent_id)
    services.set_edit_mode(agent, EditMode(body.mode), user=request.auth)
    return visible_agent(request, agent_id)


@router.post(
    "/{uuid:agent_id}/stop",
    response={202: AgentOut, **REFUSALS},
    summary="Stop an agent's container; the conversation can be resumed.",
)
def stop_agent(request: ApiRequest, agent_id: UUID) -> Status[Agent]:
    services.stop_agent(actable_agent(request, agent_id), by=request.auth)
    return Status(202, visible_agent(request, agent_id))


@router.post(
    "/{uuid:agent_id}/interrupt",
    response={202: AgentOut, **REFUSALS},
    summary="End the turn that an agent is working on.",
)
def interrupt_agent(request: ApiRequest, agent_id: UUID) -> Status[Agent]:
    agent = actable_agent(request, agent_id)
    services.interrupt_agent(agent, by=request.auth)
    return Status(202, agent)


@router.post(
    "/{uuid:agent_id}/resume",
    response={202: AgentOut, **REFUSALS},
    summary="Start an agent that has stopped; it goes on with its conversation.",
)
def resume_agent(request: ApiRequest, agent_id: UUID) -> Status[Agent]:
    services.resume_agent(actable_agent(request, agent_id), by=request.auth)
    return Status(202, visible_agent(request, agent_id))


@router.get(
    "/{uuid:agent_id}/history",
    response={200: EventPage, **REFUSALS},
    summary="Read what an agent wrote, oldest first, a page at a time.",
)
def read_history(request: ApiRequest, agent_id: UUID, page: Query[Page]) -> dict[str, Any]:
    agent = visible_agent(request, agent_id)
    found = SessionEvent.objects.filter(agent=agent, seq__gt=page.after).order_by("seq")
    events = list(found[: page.limit + 1])
    has_more = len(events) > page.limit
    return {
        "events": events[: page.limit],
        "next_after": events[page.limit - 1].seq if has_more else None,
    }
