"""Git on a workspace: who may ask, what a worker does with it, what the page shows."""

import os
import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from agents import containers, git_runs, services, tasks
from agents.containers import CommandResult, EngineUnavailable
from agents.errors import InvalidRequest, LimitReached, WorkspaceProblem
from agents.models import Agent, GitAction, GitJob, JobState, WorkspaceRoot, Worktree
from agents.services.git import FORGET_AFTER, LOST_AFTER, MAX_WAITING, ask_git, forget_jobs

HTMX = {"HX-Request": "true"}
STATUS = b"# branch.head main\0? <i>new</i>.py\0\0next\0"


@pytest.fixture
def repository(db, tmp_path):
    folder = tmp_path / "shop"
    (folder / ".git").mkdir(parents=True)
    os.chown(folder, 1000, 1000)
    os.chown(folder / ".git", 1000, 1000)
    WorkspaceRoot.objects.create(path=str(tmp_path))
    return str(folder)


@pytest.fixture
def engine(monkeypatch):
    """Stands where the engine is; `answer` is what the command ends with, or raises."""

    class Engine:
        asked = None
        answer = CommandResult(0, STATUS, b"")

        def run(self, options, *, timeout_seconds):
            self.asked = options
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

    engine = Engine()
    monkeypatch.setattr(containers, "run", engine.run)
    return engine


@pytest.fixture
def own_branch(alice, repository, sent_tasks):
    return services.launch_agent(owner=alice, workspace=repository, own_branch=True, name="Fix it")


def ran(job):
    tasks.run_git_job(str(job.pk))
    job.refresh_from_db()
    return job


# Asking


def test_look_is_queued_for_a_worker(
    alice, repository, sent_tasks, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        job = ask_git(alice, GitAction.LOOK, repository)
    assert (job.state, job.folder) == (JobState.QUEUED, repository)
    assert sent_tasks == [("agents.tasks.run_git_job", [str(job.pk)])]


@pytest.mark.parametrize("folder", ["/etc", "relative", "", "/\0", "/srv/../etc"])
def test_folder_out_of_reach_is_refused(alice, repository, folder):
    with pytest.raises(WorkspaceProblem):
        ask_git(alice, GitAction.LOOK, folder)


@pytest.mark.parametrize(
    ("action", "given", "words"),
    [
        ("commit", {"files": [], "message": "x"}, "Choose the files"),
        ("commit", {"files": ["a"], "message": " "}, "Say what"),
        ("discard", {}, "Choose the files"),
        ("merge", {}, "no branch of an agent"),
        ("remove", {}, "no branch of an agent"),
    ],
)
def test_what_lacks_something_is_refused_in_words(alice, repository, action, given, words):
    with pytest.raises(InvalidRequest, match=words):
        ask_git(alice, GitAction(action), repository, **given)
    assert not GitJob.objects.exists()


def test_nobody_asks_without_end(alice, repository, sent_tasks):
    for _ in range(MAX_WAITING):
        ask_git(alice, GitAction.LOOK, repository)
    with pytest.raises(LimitReached):
        ask_git(alice, GitAction.LOOK, repository)
    GitJob.objects.update(created_at=timezone.now() - LOST_AFTER)
    ask_git(alice, GitAction.LOOK, repository)


def test_results_are_forgotten(alice, repository, sent_tasks):
    old, _ = (ask_git(alice, GitAction.LOOK, repository) for _ in range(2))
    GitJob.objects.filter(pk=old.pk).update(created_at=timezone.now() - FORGET_AFTER * 2)
    forget_jobs(timezone.now())
    assert GitJob.objects.count() == 1


# The worker


def test_look_runs_held_and_read_only(alice, repository, sent_tasks, engine):
    job = ran(ask_git(alice, GitAction.LOOK, repository))
    assert (job.state, bytes(job.output), job.error) == (JobState.DONE, STATUS, "")
    assert engine.asked["network_mode"] == "none"
    assert engine.asked["user"] == "1000:1000"
    assert engine.asked["command"] == ["look"]
    assert engine.asked["mounts"] == [
        {"Type": "bind", "Source": repository, "Target": repository, "ReadOnly": True}
    ]
    assert "cam.node" not in engine.asked["labels"]


def test_commit_is_the_users(alice, repository, sent_tasks, engine):
    alice.first_name, alice.email = "Alice", "alice@example.com"
    alice.save()
    ran(ask_git(alice, GitAction.COMMIT, repository, files=["-a b"], message=" Fix it\n"))
    assert engine.asked["command"] == ["commit", "Fix it", "-a b"]
    assert engine.asked["environment"]["GIT_AUTHOR_NAME"] == "Alice"
    assert engine.asked["environment"]["GIT_COMMITTER_EMAIL"] == "alice@example.com"
    assert not engine.asked["mounts"][0]["ReadOnly"]


def test_what_git_refuses_is_told_with_the_state(alice, repository, sent_tasks, engine):
    engine.answer = CommandResult(1, STATUS, b"fatal: index.lock\0exists\xff")
    job = ran(ask_git(alice, GitAction.DISCARD, repository, files=["a"]))
    assert (job.state, job.error) == (JobState.FAILED, "fatal: index.lockexists\ufffd")
    assert bytes(job.output) == STATUS


def test_engine_that_is_down_is_told(alice, repository, sent_tasks, engine):
    engine.answer = EngineUnavailable("refused")
    job = ran(ask_git(alice, GitAction.LOOK, repository))
    assert job.state == JobState.FAILED
    assert "does not answer" in job.error


def test_root_that_was_taken_away_is_no_folder_any_more(alice, repository, sent_tasks, engine):
    job = ask_git(alice, GitAction.LOOK, repository)
    WorkspaceRoot.objects.all().delete()
    assert "outside" in ran(job).error
    assert engine.asked is None


def test_job_is_done_once_and_one_that_is_gone_is_quiet(alice, repository, sent_tasks, engine):
    job = ran(ask_git(alice, GitAction.LOOK, repository))
    engine.asked = None
    ran(job)
    tasks.run_git_job(str(uuid.uuid4()))
    assert engine.asked is None


# Branches of agents' own


def test_agent_of_its_own_branch_works_beneath_the_repository(own_branch, repository):
    worktree = own_branch.worktree
    assert worktree.branch == f"cam/fix-it-{own_branch.pk.hex[:8]}"
    assert own_branch.workspace == worktree.path
    assert worktree.path == f"{repository}/.cam/fix-it-{own_branch.pk.hex[:8]}"


def test_folder_without_git_gives_no_branch(alice, repository, tmp_path, sent_tasks):
    (tmp_path / "plain").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/.git").symlink_to(f"{repository}/.git")
    for name in ("plain", "linked"):
        with pytest.raises(WorkspaceProblem, match="git repository"):
            services.launch_agent(owner=alice, workspace=str(tmp_path / name), own_branch=True)
    assert not Agent.objects.exists()


def test_branch_is_made_in_the_repository(own_branch, repository, engine):
    git_runs.make_worktree(own_branch.worktree)
    assert engine.asked["command"] == ["add", own_branch.worktree.path, own_branch.worktree.branch]
    assert engine.asked["mounts"][0]["Source"] == repository


def test_branch_that_cannot_be_made_is_a_reason(own_branch, engine):
    engine.answer = CommandResult(1, b"", b"no commit yet")
    with pytest.raises(WorkspaceProblem, match="no commit yet"):
        git_runs.make_worktree(own_branch.worktree)


def test_look_at_a_work_tree_mounts_its_repository(own_branch, alice, repository, engine):
    os.makedirs(own_branch.workspace)
    ran(ask_git(alice, GitAction.LOOK, own_branch.workspace))
    assert engine.asked["mounts"][0]["Source"] == repository
    assert engine.asked["environment"]["CAM_FOLDER"] == own_branch.workspace


def test_branch_goes_only_when_nobody_works_on_it(own_branch, alice, bob, engine):
    os.makedirs(own_branch.workspace)
    with pytest.raises(InvalidRequest, match="Stop it first"):
        ask_git(alice, GitAction.REMOVE, own_branch.workspace)
    Agent.objects.update(status="stopped")
    with pytest.raises(InvalidRequest, match="that you may act on"):
        ask_git(bob, GitAction.REMOVE, own_branch.workspace)
    ran(ask_git(alice, GitAction.REMOVE, own_branch.workspace))
    assert engine.asked["command"] == ["remove", own_branch.worktree.branch]
    assert Worktree.objects.get().removed_at
    with pytest.raises(WorkspaceProblem, match="discarded"):
        services.resume_agent(own_branch)


def test_branch_that_could_not_be_discarded_stays(own_branch, alice, engine):
    os.makedirs(own_branch.workspace)
    Agent.objects.update(status="stopped")
    engine.answer = CommandResult(1, b"", b"busy")
    ran(ask_git(alice, GitAction.REMOVE, own_branch.workspace))
    assert Worktree.objects.get().removed_at is None


def test_branch_of_a_deleted_agent_is_still_its_owners(own_branch, alice, bob):
    services.share_agent(own_branch, bob, "act", by=alice)
    assert Worktree.objects.actable_by(bob).exists()
    Agent.objects.update(deleted_at=timezone.now())
    assert Worktree.objects.actable_by(alice).exists()
    assert not Worktree.objects.visible_to(bob).exists()


def test_launch_form_offers_a_branch(as_alice, repository, sent_tasks):
    data = {
        "workspace": repository,
        "model": "claude-sonnet-5-5",
        "edit_mode": "ask",
        "own_branch": "on",
    }
    response = as_alice.post(reverse("agent_launch"), data)
    assert response.status_code == 302, response.content.decode()
    assert Worktree.objects.get().repository == repository


# The page


def test_page_asks_by_itself(as_alice, repository):
    content = as_alice.get(reverse("workspace_git"), {"path": repository}).content.decode()
    assert 'hx-trigger="load, submit"' in content
    assert not GitJob.objects.exists()


@pytest.mark.parametrize("path", ["/etc", "", "x" * 5000, "/<b>"])
def test_page_of_a_folder_out_of_reach_says_why(as_alice, repository, path):
    response = as_alice.get(reverse("workspace_git"), {"path": path})
    assert response.status_code == 404
    assert "<b>" not in response.content.decode().split("<main", 1)[1]


def test_answer_is_waited_for_and_shown_inert(as_alice, alice, repository, sent_tasks, engine):
    asked = {"path": repository, "action": "look"}
    content = as_alice.post(reverse("git_ask"), asked, headers=HTMX).content.decode()
    job = GitJob.objects.get()
    assert f'hx-get="{reverse("git_job", args=[job.pk])}"' in content
    ran(job)
    content = as_alice.get(reverse("git_job", args=[job.pk]), headers=HTMX).content.decode()
    assert ("hx-trigger" in content, "&lt;i&gt;new" in content, "<i>" in content) == (
        False,
        True,
        False,
    )


def test_without_htmx_the_page_leads_to_the_answer(as_alice, repository, sent_tasks, engine):
    response = as_alice.post(reverse("git_ask"), {"path": repository, "action": "look"})
    assert "Look again" in as_alice.get(response.url).content.decode()
    job = ran(GitJob.objects.get())
    assert "Not committed" in as_alice.get(response.url).content.decode()
    response = as_alice.get(reverse("git_job", args=[job.pk]))
    assert "job=" in response.url


def test_answer_that_never_comes_is_said(as_alice, alice, repository, sent_tasks):
    job = ask_git(alice, GitAction.LOOK, repository)
    GitJob.objects.update(created_at=timezone.now() - LOST_AFTER - timedelta(seconds=1))
    content = as_alice.get(reverse("git_job", args=[job.pk]), headers=HTMX).content.decode()
    assert "whether a worker runs" in content
    assert "every 500ms" not in content


@pytest.mark.parametrize(
    "data",
    [
        {"action": "push"},
        {"action": "commit", "chosen": "a"},
        {"action": "discard", "chosen": "a\nb"},
        {"action": "commit", "chosen": "a", "message": "x" * 5001},
        {"action": "discard", "chosen": [str(number) for number in range(501)]},
        {"action": "discard", "chosen": "x" * 5000},
        {},
    ],
)
def test_nonsense_is_refused_where_it_is_read(as_alice, repository, data):
    given = {"path": repository, **data}
    response = as_alice.post(reverse("git_ask"), given, headers=HTMX)
    assert response.status_code == 422
    assert response["HX-Retarget"] == "#git-error"
    assert as_alice.post(reverse("git_ask"), given).status_code == 302
    assert not GitJob.objects.exists()


def test_strangers_find_no_job(as_alice, as_bob, alice, repository, sent_tasks, client):
    job = ask_git(alice, GitAction.LOOK, repository)
    assert as_bob.get(reverse("git_job", args=[job.pk])).status_code == 404
    page = {"path": repository, "job": str(job.pk)}
    assert as_bob.get(reverse("workspace_git"), page).status_code == 404
    assert as_alice.get(reverse("workspace_git"), page | {"job": "x"}).status_code == 404
    for name in ("workspace_git", "git_ask"):
        assert client.get(reverse(name)).status_code in (302, 405)


def test_work_tree_of_anothers_agent_is_not_told(own_branch, as_bob, bob, repository, engine):
    job = ran(ask_git(bob, GitAction.LOOK, repository))
    content = as_bob.get(reverse("git_job", args=[job.pk]), headers=HTMX).content.decode()
    assert "cam/fix-it" not in content


def test_owner_finds_the_branch_and_may_merge_it(own_branch, as_alice, alice, repository, engine):
    job = ran(ask_git(alice, GitAction.LOOK, repository))
    content = as_alice.get(reverse("git_job", args=[job.pk]), headers=HTMX).content.decode()
    assert own_branch.worktree.branch in content
    os.makedirs(own_branch.workspace)
    log = b"7679bc9\0Al\x002026-11-25T20:11:39+00:00\0Fix\0\n"
    engine.answer = CommandResult(0, STATUS + b"\0next\0" + log, b"")
    job = ran(ask_git(alice, GitAction.LOOK, own_branch.workspace))
    content = as_alice.get(reverse("git_job", args=[job.pk]), headers=HTMX).content.decode()
    assert 'value="merge"' in content
    assert 'value="remove"' in content
