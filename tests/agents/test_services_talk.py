import pytest

from agents.errors import InvalidRequest, LimitReached, NotRunning
from agents.models import Agent, ControlRequest, Delivery, Prompt, Status
from agents.services import interrupt_agent, send_prompt, set_model
from agents.services.checks import MAX_PROMPT_CHARACTERS


def test_prompt_waits_for_the_bridge(agent, alice):
    prompt = send_prompt(agent, author=alice, text="Run the tests.", source=Prompt.Source.API)
    assert (prompt.delivery, prompt.source, prompt.author) == (Delivery.QUEUED, "api", alice)
    assert agent.prompts.get().text == "Run the tests."


def test_prompt_to_a_running_agent_starts_nothing(agent, alice, sent_tasks, on_commit):
    with on_commit():
        send_prompt(agent, author=alice, text="Hello")
    assert (agent.sessions.count(), sent_tasks) == (1, [])


def test_prompt_resumes_an_agent_that_has_stopped(stopped_agent, alice, sent_tasks, on_commit):
    with on_commit():
        send_prompt(stopped_agent, author=alice, text="One more thing")
    session = stopped_agent.sessions.get()
    stopped_agent.refresh_from_db()
    assert stopped_agent.status == Status.STARTING
    assert sent_tasks == [("agents.tasks.start_session", [session.pk])]


def test_prompt_sees_that_the_agent_ended_meanwhile(agent, alice, session):
    session.ended_at = session.created_at
    session.save()
    Agent.objects.filter(pk=agent.pk).update(status=Status.STOPPED)
    send_prompt(agent, author=alice, text="Are you there?")
    assert agent.sessions.open().count() == 1


def test_prompt_waits_while_the_agent_is_stopping(agent, alice):
    Agent.objects.filter(pk=agent.pk).update(status=Status.STOPPING)
    send_prompt(agent, author=alice, text="Wait")
    agent.refresh_from_db()
    assert (agent.status, agent.prompts.count()) == (Status.STOPPING, 1)


def test_prompt_that_cannot_resume_is_not_kept(stopped_agent, agent, alice, settings):
    settings.CAM_MAX_AGENTS_PER_USER = 1
    with pytest.raises(LimitReached):
        send_prompt(stopped_agent, author=alice, text="Hello")
    assert not stopped_agent.prompts.exists()


@pytest.mark.parametrize("text", ["", "  \n\t", "x" * (MAX_PROMPT_CHARACTERS + 1)])
def test_prompt_that_is_empty_or_too_long_is_refused(agent, alice, text):
    with pytest.raises(InvalidRequest):
        send_prompt(agent, author=alice, text=text)
    assert not agent.prompts.exists()


def test_longest_prompt_is_taken(agent, alice):
    send_prompt(agent, author=alice, text="x" * MAX_PROMPT_CHARACTERS)
    assert agent.prompts.count() == 1


def test_prompt_rings_after_the_commit_only(agent, alice, rung, on_commit, everyone):
    with on_commit():
        send_prompt(agent, author=alice, text="Hello")
        assert rung == []
    assert set(rung) == everyone(agent)


def test_interrupt_is_written_for_the_open_session(agent, session):
    request = interrupt_agent(agent)
    assert (request.session, request.kind) == (session, ControlRequest.Kind.INTERRUPT)
    assert request.delivery == Delivery.QUEUED


def test_interrupt_needs_a_session(stopped_agent):
    with pytest.raises(NotRunning):
        interrupt_agent(stopped_agent)


def test_interrupt_rings_after_the_commit_only(agent, rung, on_commit, everyone):
    with on_commit():
        interrupt_agent(agent)
        assert rung == []
    assert set(rung) == everyone(agent)


def test_model_is_set_and_said_to_the_running_cli(agent, session):
    set_model(agent, "claude-opus-5-5")
    agent.refresh_from_db()
    request = session.control_requests.get()
    assert agent.model == "claude-opus-5-5"
    assert (request.kind, request.arguments) == ("set_model", {"model": "claude-opus-5-5"})


def test_model_of_a_stopped_agent_is_only_noted(stopped_agent):
    set_model(stopped_agent, "claude-opus-5-5")
    stopped_agent.refresh_from_db()
    assert stopped_agent.model == "claude-opus-5-5"
    assert not ControlRequest.objects.exists()


@pytest.mark.parametrize("model", ["", "gpt-1", "claude-opus-5-5\n", "--dangerously"])
def test_model_that_the_site_does_not_offer_is_refused(agent, model):
    with pytest.raises(InvalidRequest, match="this site offers"):
        set_model(agent, model)
    agent.refresh_from_db()
    assert agent.model == "claude-sonnet-5-5"
