"""What people say to an agent: prompts, interrupts, another model, how it is to think."""

from collections.abc import Sequence
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from agents.errors import InvalidRequest, NotRunning
from agents.models import Act, Agent, AgentSession, ControlRequest, Delivery, Effort, Prompt
from agents.services.acts import record_act
from agents.services.bells import ring_everyone
from agents.services.checks import check_model, check_prompt_length
from agents.services.life import resume_agent
from agents.services.screenshots import attach_screenshots


def send_prompt(
    agent: Agent,
    *,
    author: User,
    text: str,
    screenshots: Sequence[UUID] = (),
    source: str = Prompt.Source.TYPED,
) -> Prompt:
    """Queue a prompt, with the author's `screenshots`; an agent that has stopped is resumed for it.

    Raises InvalidRequest, or LimitReached where it cannot be resumed.
    """
    if not text.strip() and not screenshots:
        raise InvalidRequest("The prompt is empty.")
    check_prompt_length(text)
    with transaction.atomic():
        agent.refresh_from_db(fields=["status"])
        prompt = Prompt.objects.create(agent=agent, author=author, text=text, source=source)
        attach_screenshots(prompt, screenshots)
        if agent.is_ended:
            resume_agent(agent)
        ring_everyone(agent)
    return prompt


def interrupt_agent(agent: Agent, *, by: User | None = None) -> ControlRequest:
    """End the running turn. Raises NotRunning."""
    with transaction.atomic():
        request = _ask_cli(agent, ControlRequest.Kind.INTERRUPT)
        record_act(by, Act.INTERRUPT, agent)
    return request


def set_model(agent: Agent, model: str, *, by: User | None = None) -> None:
    """Use `model` from the next call on. Raises InvalidRequest."""
    check_model(model)
    with transaction.atomic():
        Agent.objects.filter(pk=agent.pk).update(model=model)
        record_act(by, Act.MODEL, agent, model)
        _tell_if_running(agent, ControlRequest.Kind.SET_MODEL, model=model)


def set_effort(agent: Agent, effort: str, *, by: User | None = None) -> None:
    """Think this much from the next turn on. Raises InvalidRequest."""
    if effort not in Effort.values:
        raise InvalidRequest("unknown effort")
    with transaction.atomic():
        Agent.objects.filter(pk=agent.pk).update(effort=effort)
        record_act(by, Act.EFFORT, agent, Effort(effort).label)
        _tell_if_running(
            agent, ControlRequest.Kind.APPLY_SETTINGS, settings={"effortLevel": effort or None}
        )


def set_plan_mode(agent: Agent, *, plans_first: bool, by: User | None = None) -> None:
    """Have the agent propose a plan before it acts, until a plan is approved; or no longer."""
    with transaction.atomic():
        Agent.objects.filter(pk=agent.pk).update(plans_first=plans_first)
        record_act(by, Act.PLAN_MODE, agent, "on" if plans_first else "off")
        mode = "plan" if plans_first else "default"
        _tell_if_running(agent, ControlRequest.Kind.SET_PERMISSION_MODE, mode=mode)


def remove_prompt(agent: Agent, prompt_id: UUID) -> None:
    """Take back a prompt that the agent has not begun; one that it has is left alone."""
    with transaction.atomic():
        prompts = agent.prompts.filter(pk=prompt_id)
        if not prompts.filter(delivery=Delivery.QUEUED).update(delivery=Delivery.CANCELLED):
            told = prompts.filter(delivery__in=[Delivery.SENT, Delivery.RECEIVED])
            for prompt in told.filter(session__ended_at=None):
                _ask_cli(agent, ControlRequest.Kind.CANCEL_PROMPT, message_uuid=str(prompt.pk))
        ring_everyone(agent)


def _tell_if_running(agent: Agent, kind: ControlRequest.Kind, **arguments: object) -> None:
    """A session that starts later is started with what the agent's row says."""
    if agent.sessions.open().exists():
        _ask_cli(agent, kind, **arguments)
    ring_everyone(agent)


def _ask_cli(agent: Agent, kind: ControlRequest.Kind, **arguments: object) -> ControlRequest:
    with transaction.atomic():
        session = AgentSession.objects.open().filter(agent=agent).first()
        if session is None:
            raise NotRunning("The agent is not running.")
        request = ControlRequest.objects.create(session=session, kind=kind, arguments=arguments)
        ring_everyone(agent)
    return request
