"""What people say to an agent: prompts, interrupts, another model."""

from django.contrib.auth.models import User
from django.db import transaction

from agents.errors import InvalidRequest, NotRunning
from agents.models import Agent, AgentSession, ControlRequest, Prompt
from agents.services.bells import ring_everyone
from agents.services.checks import check_model, check_prompt_length
from agents.services.life import resume_agent


def send_prompt(
    agent: Agent, *, author: User, text: str, source: str = Prompt.Source.TYPED
) -> Prompt:
    """Queue a prompt for the bridge; an agent that has stopped is resumed for it.

    Raises InvalidRequest, or LimitReached where it cannot be resumed.
    """
    if not text.strip():
        raise InvalidRequest("The prompt is empty.")
    check_prompt_length(text)
    with transaction.atomic():
        agent.refresh_from_db(fields=["status"])
        prompt = Prompt.objects.create(agent=agent, author=author, text=text, source=source)
        if agent.is_ended:
            resume_agent(agent)
        ring_everyone(agent)
    return prompt


def interrupt_agent(agent: Agent) -> ControlRequest:
    """End the running turn. Raises NotRunning."""
    return _ask_cli(agent, ControlRequest.Kind.INTERRUPT)


def set_model(agent: Agent, model: str) -> None:
    """Use `model` from the next call on. Raises InvalidRequest."""
    check_model(model)
    with transaction.atomic():
        Agent.objects.filter(pk=agent.pk).update(model=model)
        if agent.sessions.open().exists():
            _ask_cli(agent, ControlRequest.Kind.SET_MODEL, model=model)
        ring_everyone(agent)


def _ask_cli(agent: Agent, kind: ControlRequest.Kind, **arguments: str) -> ControlRequest:
    with transaction.atomic():
        session = AgentSession.objects.open().filter(agent=agent).first()
        if session is None:
            raise NotRunning("The agent is not running.")
        request = ControlRequest.objects.create(session=session, kind=kind, arguments=arguments)
        ring_everyone(agent)
    return request
