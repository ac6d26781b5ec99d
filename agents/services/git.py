"""Ask git for something on a folder; a worker does it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.text import slugify

from agents.errors import InvalidRequest, LimitReached, WorkspaceProblem
from agents.models import OPEN_STATES, Agent, GitAction, GitJob, WorkspaceRoot, Worktree
from agents.services.queue import enqueue
from agents.workspaces import WorkspaceError, confine

MAX_WAITING = 10
LOST_AFTER = timedelta(minutes=2)
FORGET_AFTER = timedelta(hours=1)


def ask_git(
    user: User, action: GitAction, folder: str, *, files: Sequence[str] = (), message: str = ""
) -> GitJob:
    """Have a worker do it. `files` are paths from the top of the work tree, as git has them.

    Raises WorkspaceProblem, InvalidRequest or LimitReached.
    """
    path = confine_to_roots(user, folder)
    worktree = Worktree.objects.present().filter(path=path).first()
    arguments: list[str] = []
    if action in (GitAction.COMMIT, GitAction.DISCARD):
        if not files:
            raise InvalidRequest("Choose the files first.")
        arguments = list(files)
    if action == GitAction.COMMIT:
        if not message.strip():
            raise InvalidRequest("Say what the commit does.")
        arguments = [message.strip(), *files]
    if action in (GitAction.MERGE, GitAction.REMOVE):
        worktree = Worktree.objects.present().actable_by(user).filter(path=path).first()
        if worktree is None:
            raise InvalidRequest("This is no branch of an agent that you may act on.")
        if action == GitAction.REMOVE and not worktree.agent.is_ended:
            raise InvalidRequest(f"{worktree.agent.name} still works here. Stop it first.")
        arguments = [worktree.branch]
    waiting = GitJob.objects.filter(
        user=user,
        state__in=OPEN_STATES,
        created_at__gt=timezone.now() - LOST_AFTER,
    )
    if waiting.count() >= MAX_WAITING:
        raise LimitReached("You have asked git for much at once. Wait a moment, and try again.")
    job = GitJob.objects.create(
        user=user, action=action, folder=path, worktree=worktree, arguments=arguments
    )
    enqueue("run_git_job", str(job.pk))
    return job


def plan_worktree(agent: Agent, repository: str) -> Worktree:
    """A branch and a place for an agent that is being launched on a repository, and its row."""
    name = f"{slugify(agent.name)[:40].strip('-') or 'agent'}-{agent.pk.hex[:8]}"
    agent.workspace = f"{repository}/.cam/{name}"
    agent.save(update_fields=["workspace"])
    return Worktree.objects.create(
        agent=agent, repository=repository, path=agent.workspace, branch=f"cam/{name}"
    )


def check_repository(user: User, folder: str) -> None:
    """Raises WorkspaceProblem for a folder that has no git directory of its own."""
    try:
        confine_to_roots(user, f"{folder}/.git")
    except WorkspaceProblem as exc:
        raise WorkspaceProblem(
            "Only a git repository can give an agent a branch of its own, "
            f"and {folder} has no .git folder."
        ) from exc


def confine_to_roots(user: User, folder: str) -> str:
    """The real path of a folder beneath one of the user's roots. Raises WorkspaceProblem."""
    try:
        return confine(folder, WorkspaceRoot.objects.visible_to(user).paths())
    except WorkspaceError as exc:
        raise WorkspaceProblem(str(exc)) from exc


def forget_jobs(now: datetime) -> None:
    """Results are for the page that asked."""
    GitJob.objects.filter(created_at__lt=now - FORGET_AFTER).delete()
