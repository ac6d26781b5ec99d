import pytest
from kombu.exceptions import OperationalError

from agents.doorbells import notice_group
from agents.errors import AlreadyRunning, InvalidRequest, LimitReached, NotRunning, WorkspaceProblem
from agents.models import Agent, Decision, Delivery, EditMode, LiveText, Prompt, Status
from agents.services import (
    delete_agent,
    end_session,
    launch_agent,
    resume_agent,
    send_prompt,
    stop_agent,
)
from tests.agents.factories import make_agent, make_approval, make_session

MODEL = "claude-sonnet-5-5"


def launch(owner, workspace, **fields):
    return launch_agent(owner=owner, workspace=str(workspace), **{"model": MODEL} | fields)


# launch


def test_launch_creates_agent_session_and_live_text(alice, workspace):
    agent = launch(alice, workspace, name="  Cart  ", edit_mode="off")
    assert (agent.owner, agent.name, agent.edit_mode) == (alice, "Cart", EditMode.OFF)
    assert (agent.status, agent.workspace) == (Status.STARTING, str(workspace))
    assert agent.sessions.get().number == 1
    assert LiveText.objects.filter(agent=agent, text="").exists()


def test_launch_without_a_name_takes_the_folders(alice, workspace):
    assert launch(alice, workspace).name == "shop"


def test_launch_enqueues_the_start_and_rings_after_the_commit_only(
    alice, workspace, sent_tasks, rung, on_commit, everyone
):
    with on_commit():
        agent = launch(alice, workspace)
        assert (sent_tasks, rung) == ([], [])
    assert sent_tasks == [("agents.tasks.start_session", [agent.sessions.get().pk])]
    assert set(rung) == everyone(agent)


def test_launch_keeps_the_first_prompt(alice, workspace):
    agent = launch(alice, workspace, prompt="Fix it.", source=Prompt.Source.API)
    prompt = agent.prompts.get()
    assert (prompt.text, prompt.source, prompt.delivery) == ("Fix it.", "api", Delivery.QUEUED)


def test_launch_with_a_blank_prompt_says_nothing(alice, workspace):
    assert not launch(alice, workspace, prompt=" \n").prompts.exists()


def test_launch_without_a_model_takes_the_sites_first(alice, workspace, settings):
    assert launch(alice, workspace, model="").model == settings.CAM_MODELS[0]


@pytest.mark.parametrize("fields", [{"model": "gpt-1"}, {"edit_mode": "yolo"}, {"edit_mode": ""}])
def test_launch_refuses_unknown_values(alice, workspace, fields):
    with pytest.raises(InvalidRequest):
        launch(alice, workspace, **fields)
    assert not Agent.objects.exists()


def test_launch_refuses_a_prompt_that_is_too_long(alice, workspace):
    with pytest.raises(InvalidRequest):
        launch(alice, workspace, prompt="x" * 200_001)
    assert not Agent.objects.exists()


@pytest.mark.parametrize("folder", ["", "/", "/etc", "..", "shop/../..", "relative", "\0", "no"])
def test_launch_outside_the_roots_is_refused(alice, workspace, folder):
    with pytest.raises(WorkspaceProblem):
        launch(alice, workspace / folder if folder == "no" else folder)
    assert not Agent.objects.exists()


def test_launch_through_a_symlink_that_leaves_the_root_is_refused(alice, workspace):
    (workspace / "way-out").symlink_to("/etc")
    with pytest.raises(WorkspaceProblem):
        launch(alice, workspace / "way-out")


def test_launch_in_a_root_of_other_users_is_refused(alice, bob, workspace):
    root = alice.workspace_roots.model.objects.get()
    root.for_everyone = False
    root.save()
    root.users.add(bob)
    assert launch(bob, workspace)
    with pytest.raises(WorkspaceProblem):
        launch(alice, workspace)


def test_launch_past_the_limit_is_refused(alice, bob, workspace, settings):
    settings.CAM_MAX_AGENTS_PER_USER = 1
    make_agent(bob)
    launch(alice, workspace)
    with pytest.raises(LimitReached, match="1 running"):
        launch(alice, workspace)


def test_agents_that_ended_or_are_deleted_do_not_count(alice, workspace, settings, agent):
    settings.CAM_MAX_AGENTS_PER_USER = 1
    delete_agent(agent)
    make_agent(alice, status=Status.STOPPED)
    assert launch(alice, workspace)


@pytest.mark.parametrize("error", [OperationalError("down"), ConnectionError("down")])
def test_launch_goes_through_while_the_broker_is_down(
    alice, workspace, monkeypatch, rung, on_commit, everyone, error
):
    def send_task(name, args):
        raise error

    monkeypatch.setattr("agents.services.queue.current_app.send_task", send_task)
    with on_commit():
        agent = launch(alice, workspace)
    agent.refresh_from_db()
    assert agent.status == Status.STARTING
    assert set(rung) == everyone(agent)


# resume


def test_resume_opens_the_next_session(stopped_agent, sent_tasks, on_commit):
    first = make_session(stopped_agent)
    end_session(first, exit_code=0, reason="", failed=False)
    with on_commit():
        resume_agent(stopped_agent)
    stopped_agent.refresh_from_db()
    session = stopped_agent.sessions.open().get()
    assert (stopped_agent.status, session.number) == (Status.STARTING, 2)
    assert sent_tasks == [("agents.tasks.start_session", [session.pk])]


def test_resume_forgets_why_the_agent_failed(alice):
    agent = make_agent(alice, status=Status.FAILED, status_reason="out of memory")
    resume_agent(agent)
    agent.refresh_from_db()
    assert agent.status_reason == ""


@pytest.mark.parametrize("status", ["starting", "working", "needs_you", "idle", "stopping"])
def test_resume_of_a_running_agent_is_refused(alice, status):
    agent = make_agent(alice, status=status)
    with pytest.raises(AlreadyRunning):
        resume_agent(agent)
    assert not agent.sessions.exists()


def test_resume_loses_to_who_resumed_first(stopped_agent):
    Agent.objects.filter(pk=stopped_agent.pk).update(status=Status.STARTING)
    with pytest.raises(AlreadyRunning):
        resume_agent(stopped_agent)
    assert not stopped_agent.sessions.exists()


def test_resume_of_a_deleted_agent_is_refused(stopped_agent):
    delete_agent(stopped_agent)
    with pytest.raises(AlreadyRunning):
        resume_agent(stopped_agent)
    assert not stopped_agent.sessions.exists()


def test_resume_past_the_limit_is_refused(stopped_agent, agent, settings):
    settings.CAM_MAX_AGENTS_PER_USER = 1
    with pytest.raises(LimitReached):
        resume_agent(stopped_agent)
    stopped_agent.refresh_from_db()
    assert stopped_agent.status == Status.STOPPED


# stop


@pytest.mark.parametrize("status", ["starting", "working", "needs_you", "idle"])
def test_stop_marks_the_agent_and_enqueues(alice, status, sent_tasks, rung, on_commit, everyone):
    agent = make_agent(alice, status=status)
    session = make_session(agent)
    with on_commit():
        stop_agent(agent)
        assert (sent_tasks, rung) == ([], [])
    agent.refresh_from_db()
    assert agent.status == Status.STOPPING
    assert sent_tasks == [("agents.tasks.stop_session", [session.pk])]
    assert set(rung) == everyone(agent)


def test_stop_again_is_quiet(agent):
    stop_agent(agent)
    stop_agent(agent)
    agent.refresh_from_db()
    assert agent.status == Status.STOPPING


@pytest.mark.parametrize("status", ["created", "stopped", "failed"])
def test_stop_of_an_agent_that_ended_is_refused(alice, status):
    agent = make_agent(alice, status=status)
    with pytest.raises(NotRunning):
        stop_agent(agent)


def test_stop_finds_that_the_agent_ended_meanwhile(agent, sent_tasks, on_commit):
    Agent.objects.filter(pk=agent.pk).update(status=Status.FAILED)
    with on_commit(), pytest.raises(NotRunning):
        stop_agent(agent)
    agent.refresh_from_db()
    assert (agent.status, sent_tasks) == (Status.FAILED, [])


# delete


def test_delete_hides_the_agent_and_enqueues(agent, alice, sent_tasks, rung, on_commit, everyone):
    with on_commit():
        delete_agent(agent)
        assert (sent_tasks, rung) == ([], [])
    assert not Agent.objects.visible_to(alice).exists()
    assert sent_tasks == [("agents.tasks.remove_agent", [str(agent.pk)])]
    assert set(rung) == everyone(agent)


def test_delete_again_keeps_the_first_time(agent):
    delete_agent(agent)
    agent.refresh_from_db()
    first = agent.deleted_at
    delete_agent(agent)
    agent.refresh_from_db()
    assert agent.deleted_at == first


# end of a session


def end(session, **fields):
    return end_session(session, **{"exit_code": 0, "reason": "", "failed": False} | fields)


def test_end_records_exit_code_and_reason(session):
    assert end(session, exit_code=137, reason="out of memory", failed=True)
    session.refresh_from_db()
    session.agent.refresh_from_db()
    assert (session.exit_code, session.exit_reason) == (137, "out of memory")
    assert (session.agent.status, session.agent.status_reason) == (Status.FAILED, "out of memory")


def test_end_again_changes_nothing(session):
    end(session)
    assert not end(session, exit_code=1, reason="later", failed=True)
    session.refresh_from_db()
    session.agent.refresh_from_db()
    assert (session.exit_code, session.agent.status) == (0, Status.STOPPED)


def test_end_loses_to_who_ended_it_first(session):
    type(session).objects.filter(pk=session.pk).update(ended_at=session.created_at)
    assert not end(session, failed=True)
    session.agent.refresh_from_db()
    assert session.agent.status == Status.IDLE


def test_end_that_was_asked_for_is_no_failure(session):
    stop_agent(session.agent)
    end(session, exit_code=137, reason="killed", failed=True)
    session.agent.refresh_from_db()
    assert (session.agent.status, session.agent.status_reason) == (Status.STOPPED, "")


def test_end_without_failure_keeps_the_reason(session):
    end(session, reason="Docker was restarted.")
    session.agent.refresh_from_db()
    assert session.agent.status == Status.STOPPED
    assert session.agent.status_reason == "Docker was restarted."


@pytest.mark.parametrize(
    ("before", "after"),
    [("ask", "ask"), ("off", "off"), ("turn", "ask"), ("session", "ask")],
)
def test_end_takes_back_consent_but_not_refusal(session, before, after):
    Agent.objects.filter(pk=session.agent_id).update(edit_mode=before)
    end(session)
    session.agent.refresh_from_db()
    assert session.agent.edit_mode == after


def test_end_withdraws_what_waits_for_an_answer(session, alice):
    waiting = make_approval(session, request_id="r1")
    decided = make_approval(session, request_id="r2", decision=Decision.DENIED, decided_by=alice)
    end(session)
    waiting.refresh_from_db()
    decided.refresh_from_db()
    assert (waiting.decision, decided.decision) == (Decision.WITHDRAWN, Decision.DENIED)
    assert waiting.decided_at is not None


@pytest.mark.parametrize(
    ("before", "after", "stays"),
    [
        (Delivery.SENT, Delivery.QUEUED, False),
        (Delivery.RECEIVED, Delivery.QUEUED, False),
        (Delivery.STARTED, Delivery.CANCELLED, True),
        (Delivery.DONE, Delivery.DONE, True),
    ],
)
def test_end_requeues_the_prompts_that_were_not_begun(session, alice, before, after, stays):
    prompt = Prompt.objects.create(
        agent=session.agent, session=session, author=alice, text="Hello", delivery=before
    )
    end(session)
    prompt.refresh_from_db()
    assert (prompt.delivery, prompt.session_id == session.pk) == (after, stays)


def test_end_leaves_prompts_that_wait(session, alice):
    prompt = Prompt.objects.create(agent=session.agent, author=alice, text="Hello")
    end(session)
    prompt.refresh_from_db()
    assert prompt.delivery == Delivery.QUEUED


@pytest.mark.parametrize(
    ("before", "after"),
    [("queued", "cancelled"), ("sent", "cancelled"), ("done", "done"), ("failed", "failed")],
)
def test_end_cancels_requests_to_the_cli(session, before, after):
    request = session.control_requests.create(kind="interrupt", delivery=before)
    end(session)
    request.refresh_from_db()
    assert request.delivery == after


def test_end_clears_the_text_that_was_being_written(session):
    LiveText.objects.filter(agent=session.agent).update(text="I was about to")
    end(session)
    assert LiveText.objects.get(agent=session.agent).text == ""


def test_end_touches_no_other_agent(session, bob):
    other = make_session(make_agent(bob, edit_mode=EditMode.SESSION))
    approval = make_approval(other)
    end(session)
    approval.refresh_from_db()
    other.agent.refresh_from_db()
    assert approval.decision == Decision.PENDING
    assert (other.agent.status, other.agent.edit_mode) == (Status.IDLE, EditMode.SESSION)


def test_end_rings_after_the_commit_only(session, rung, on_commit, everyone):
    with on_commit():
        end(session)
        assert rung == []
    assert set(rung) == everyone(session.agent) | {notice_group(session.agent.owner_id)}


def test_drained_site_starts_nothing_and_lets_running_agents_go_on(
    agent, stopped_agent, alice, workspace, settings
):
    settings.CAM_DRAINING = True
    with pytest.raises(LimitReached, match="drained"):
        launch_agent(owner=alice, workspace=str(workspace))
    with pytest.raises(LimitReached, match="drained"):
        resume_agent(stopped_agent)
    send_prompt(agent, author=alice, text="go on")
    assert agent.prompts.count() == 1
