import json
import os
from pathlib import Path

import pytest
from django.utils import timezone

from agents import containers, services, tasks
from agents.models import (
    Agent,
    AgentSession,
    ContainerInspection,
    Prompt,
    WorkspaceRoot,
    Worktree,
)
from agents.policies import policy_path, socket_dir, write_policy
from tests.agents.factories import inspected_as_asked


class Engine:
    """Stands where the Docker verbs are, and remembers what it was asked."""

    def __init__(self):
        self.calls = []
        self.error = None
        self.ours = []
        self.inspected = inspected_as_asked()

    def create(self, options):
        self.calls.append(("create", options))
        if self.error:
            raise self.error
        return "c1"

    def start(self, container_id):
        self.calls.append(("start", container_id))

    def inspect(self, container_id):
        return self.inspected

    def stop(self, container_id, *, timeout_seconds):
        self.calls.append(("stop", container_id))

    def remove(self, container_id):
        self.calls.append(("remove", container_id))

    def remove_home(self, name):
        self.calls.append(("remove_home", name))

    def list_ours(self, node):
        return self.ours


@pytest.fixture
def engine(monkeypatch):
    engine = Engine()
    for name in ("create", "start", "inspect", "stop", "remove", "remove_home", "list_ours"):
        monkeypatch.setattr(containers, name, getattr(engine, name))
    return engine


@pytest.fixture
def starting(session, tmp_path, settings):
    """A session whose agent waits for its container, on a folder of an ordinary user."""
    folder = tmp_path / "shop"
    folder.mkdir()
    os.chown(folder, 1000, 1000)
    WorkspaceRoot.objects.create(path=str(tmp_path))
    settings.CAM_SOCKETS_DIR = tmp_path / "sockets"
    settings.CAM_GATEWAY_PUBLIC_DIR = tmp_path / "public"
    settings.CAM_MANAGED_SETTINGS_DIR = tmp_path / "managed"
    for path in (socket_dir(session.agent_id) / "gateway.sock", tmp_path / "public/ca.pem"):
        path.parent.mkdir(parents=True)
        path.touch()
    Agent.objects.update(status="starting", workspace=str(folder))
    return session


def agent_of(session):
    return Agent.objects.get(pk=session.agent_id)


def test_start_creates_a_hardened_container(starting, engine, settings):
    tasks.start_session(starting.pk)
    starting.refresh_from_db()
    assert starting.container_id == "c1"
    (_, options), started = engine.calls
    assert started == ("start", "c1")
    assert options["network_mode"] == "none"
    assert options["user"] == "1000:1000"
    managed = json.loads((settings.CAM_MANAGED_SETTINGS_DIR / "managed-settings.json").read_text())
    assert "Read" in managed["permissions"]["allow"]
    assert policy_path(starting.agent_id).exists()


def test_first_start_names_the_conversation_and_a_later_one_resumes_it(starting, engine):
    uuid = str(starting.agent.claude_session_uuid)
    tasks.start_session(starting.pk)
    assert f"--session-id={uuid}" in engine.calls[0][1]["command"]
    AgentSession.objects.update(container_id="")
    Agent.objects.update(has_conversation=True)
    tasks.start_session(starting.pk)
    assert f"--resume={uuid}" in engine.calls[2][1]["command"]


@pytest.fixture
def own_branch(starting, tmp_path, monkeypatch):
    """As `starting`, on a branch of its own, whose work tree git makes when it is asked to."""
    repository = Path(agent_of(starting).workspace)
    path = repository / ".cam/fix"
    (repository / ".git").mkdir()
    Agent.objects.update(workspace=str(path))
    worktree = Worktree.objects.create(
        agent=starting.agent, repository=str(repository), path=str(path), branch="cam/fix"
    )

    def run(options, *, timeout_seconds):
        path.mkdir(parents=True, exist_ok=True)
        os.chown(path, 1000, 1000)
        os.chown(repository / ".git", 1000, 1000)
        return containers.CommandResult(0, b"", b"")

    monkeypatch.setattr(containers, "run", run)
    return worktree


def test_agent_of_its_own_branch_gets_the_git_directory_as_well(own_branch, starting, engine):
    tasks.start_session(starting.pk)
    options = engine.calls[0][1]
    git_dir = Path(own_branch.repository) / ".git"
    writable = {m["Target"]: m["Source"] for m in options["mounts"] if not m["ReadOnly"]}
    assert writable["/workspace"] == own_branch.path
    assert writable[str(git_dir)] == str(git_dir)
    status = git_dir.stat()
    identity = f"{status.st_dev}:{status.st_ino}"
    assert options["environment"]["CAM_GIT_DIR_IDENTITY"] == identity


def test_git_directory_that_became_a_link_starts_nothing(own_branch, starting, engine, tmp_path):
    git_dir = Path(own_branch.repository) / ".git"
    git_dir.rename(tmp_path / "elsewhere")
    git_dir.symlink_to(tmp_path / "elsewhere")
    os.chown(tmp_path / "elsewhere", 1000, 1000)
    Path(own_branch.path).parent.mkdir()
    tasks.start_session(starting.pk)
    assert engine.calls == []
    assert agent_of(starting).status == "failed"


def test_starting_twice_is_once(starting, engine):
    tasks.start_session(starting.pk)
    tasks.start_session(starting.pk)
    assert len(engine.calls) == 2


def test_session_that_is_gone_is_quiet(db, engine):
    for task in (tasks.start_session, tasks.stop_session):
        task(12345)
    tasks.remove_agent("00000000-0000-4000-8000-000000000000")
    assert engine.calls == []


def test_start_after_a_stop_ends_the_session(starting, engine):
    Agent.objects.update(status="stopping")
    tasks.start_session(starting.pk)
    assert engine.calls == []
    assert agent_of(starting).status == "stopped"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (containers.ImageMissing("no such image"), "agent_image/build"),
        (containers.EngineUnavailable("no socket"), "Docker engine"),
    ],
)
def test_engine_that_refuses_fails_the_agent_with_advice(starting, engine, error, words):
    engine.error = error
    tasks.start_session(starting.pk)
    assert agent_of(starting).status == "failed"
    assert words in agent_of(starting).status_reason


def test_gateway_that_is_down_fails_the_agent_with_advice(starting, engine, monkeypatch):
    (socket_dir(starting.agent_id) / "gateway.sock").unlink()
    monkeypatch.setattr(tasks, "GATEWAY_WAIT_SECONDS", 0)
    tasks.start_session(starting.pk)
    assert "make status" in agent_of(starting).status_reason
    assert engine.calls == []


@pytest.mark.parametrize("change", ["root owns it", "gone", "no root of the user's"])
def test_workspace_is_checked_again_at_the_start(starting, engine, change):
    folder = agent_of(starting).workspace
    if change == "root owns it":
        os.chown(folder, 0, 0)
    if change == "gone":
        os.rmdir(folder)
    if change == "no root of the user's":
        WorkspaceRoot.objects.update(for_everyone=False)
    tasks.start_session(starting.pk)
    assert agent_of(starting).status == "failed"
    assert engine.calls == []


def test_stop_stops_the_container_and_leaves_the_rest_to_the_bridge(session, engine):
    AgentSession.objects.update(container_id="c1")
    Agent.objects.update(status="stopping")
    tasks.stop_session(session.pk)
    assert engine.calls == [("stop", "c1")]
    assert agent_of(session).status == "stopping"


def test_stop_before_the_container_ends_the_session(session, engine):
    Agent.objects.update(status="stopping")
    tasks.stop_session(session.pk)
    assert engine.calls == []
    assert agent_of(session).status == "stopped"


def test_remove_takes_everything_but_the_agents_row(session, agent, alice, engine):
    other = containers.ContainerSummary("c2", "x", "another", 1, "running")
    engine.ours = [containers.ContainerSummary("c1", "x", str(agent.pk), 1, "running"), other]
    Prompt.objects.create(agent=agent, author=alice, text="x")
    write_policy(agent)
    Agent.objects.update(deleted_at=timezone.now())
    tasks.remove_agent(str(agent.pk))
    assert engine.calls == [("remove", "c1"), ("remove_home", f"cam-home-{agent.pk}")]
    assert (agent.sessions.count(), agent.prompts.count()) == (0, 0)
    assert not policy_path(agent.pk).exists()
    assert Agent.objects.filter(pk=agent.pk).exists()


def test_agent_that_is_not_deleted_is_not_removed(agent, engine):
    tasks.remove_agent(str(agent.pk))
    assert engine.calls == []
    assert agent.sessions.count() == 1


def test_lost_work_is_found_in_the_rows(agent, session, sent_tasks, on_commit):
    long_ago = timezone.now() - 2 * tasks.LOST_AFTER
    with on_commit():
        tasks.recover_lost_work()
    assert sent_tasks == []
    AgentSession.objects.update(created_at=long_ago)
    with on_commit():
        tasks.recover_lost_work()
    assert sent_tasks == [("agents.tasks.start_session", [session.pk])]
    AgentSession.objects.update(container_id="c1")
    Agent.objects.update(status="stopping")
    with on_commit():
        tasks.recover_lost_work()
    assert sent_tasks[1:] == [("agents.tasks.stop_session", [session.pk])]
    AgentSession.objects.update(ended_at=long_ago)
    Agent.objects.update(deleted_at=long_ago)
    with on_commit():
        tasks.recover_lost_work()
    assert sent_tasks[2:] == [("agents.tasks.remove_agent", [str(agent.pk)])]


def test_the_container_is_told_which_folder_was_checked(starting, engine, monkeypatch, tmp_path):
    """An agent in the folder above may put a link in its place while the start waits."""
    checked = os.stat(tmp_path / "shop")

    def swap(agent):
        (tmp_path / "shop").rename(tmp_path / "moved")
        (tmp_path / "shop").symlink_to("/etc")

    monkeypatch.setattr(tasks, "_wait_for_gateway", swap)
    tasks.start_session(starting.pk)
    environment = engine.calls[0][1]["environment"]
    assert environment["CAM_WORKSPACE_IDENTITY"] == f"{checked.st_dev}:{checked.st_ino}"


def test_stop_during_a_start_leaves_no_container(starting, engine, monkeypatch, sent_tasks):
    def stop(agent):
        services.stop_agent(starting.agent)
        tasks.stop_session(starting.pk)

    monkeypatch.setattr(tasks, "_wait_for_gateway", stop)
    tasks.start_session(starting.pk)
    assert engine.calls[-1] == ("remove", "c1")
    assert agent_of(starting).status == "stopped"


def test_delete_during_a_start_leaves_nothing(
    starting, engine, monkeypatch, sent_tasks, settings, tmp_path
):
    settings.CAM_POLICY_DIR = tmp_path / "policy"
    agent = starting.agent

    def delete(agent):
        services.delete_agent(agent)
        tasks.remove_agent(str(agent.pk))
        write_policy(agent)

    monkeypatch.setattr(tasks, "_wait_for_gateway", delete)
    tasks.start_session(starting.pk)
    assert engine.calls[-2:] == [("remove", "c1"), ("remove_home", f"cam-home-{agent.pk}")]
    assert not policy_path(agent.pk).exists()


def test_a_second_start_that_fails_does_not_end_the_first(starting, engine, monkeypatch):
    def fail(agent):
        AgentSession.objects.update(container_id="c1")
        raise tasks.GatewayMissing("late")

    monkeypatch.setattr(tasks, "_wait_for_gateway", fail)
    tasks.start_session(starting.pk)
    assert AgentSession.objects.get().ended_at is None


def test_what_the_engine_says_of_the_container_is_kept(starting, engine):
    engine.inspected["HostConfig"]["NetworkMode"] = "bridge"
    tasks.start_session(starting.pk)
    kept = starting.inspection
    assert (kept.asked["network"], kept.found["network"]) == ("none", "bridge")
    assert kept.agent_id == starting.agent_id


def test_an_engine_that_tells_nothing_useful_makes_a_card_of_deviations(starting, engine):
    engine.inspected = {}
    tasks.start_session(starting.pk)
    assert starting.inspection.found["read_only_root"] is None


def test_a_start_that_is_repeated_keeps_one_inspection(starting, engine):
    for found in ("none", "bridge"):
        engine.inspected["HostConfig"]["NetworkMode"] = found
        AgentSession.objects.update(container_id="")
        tasks.start_session(starting.pk)
    assert ContainerInspection.objects.get().found["network"] == "bridge"
