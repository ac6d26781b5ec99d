"""Run git on a folder, for a worker: always in a container, as the folder's owner."""

from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from agents import containers, hardening
from agents.checked_folder import check_folder, confinement
from agents.errors import AgentError, WorkspaceProblem
from agents.models import Act, GitAction, GitJob, JobState, Worktree
from agents.services.acts import record_act

SCRIPT = Path(__file__).with_name("workspace_git.sh")
TIMEOUT_SECONDS = 60
MAX_ERROR_CHARACTERS = 2_000


def run_job(job_id: UUID | str) -> None:
    """Do what was asked, once; how it went and how the work tree is now are on the job's row."""
    claimed = GitJob.objects.filter(pk=job_id, state=JobState.QUEUED)
    if not claimed.update(state=JobState.RUNNING):
        return
    job = GitJob.objects.select_related("user", "worktree__agent").get(pk=job_id)
    output = b""
    try:
        result = run_git(
            job.user,
            job.action,
            job.arguments,
            folder=job.folder,
            repository=job.worktree.repository if job.worktree else job.folder,
            name=f"cam-git-{job.pk}",
        )
        output, error = result.stdout, _words_of(result)
    except (AgentError, containers.ContainerError, hardening.HardeningError, OSError) as exc:
        error = str(exc)
    if not error and job.action != GitAction.LOOK:
        agent = job.worktree.agent if job.worktree else None
        record_act(job.user, Act(job.action), agent, "\n".join((job.folder, *job.arguments)))
    if job.action == GitAction.REMOVE and job.worktree and not error:
        Worktree.objects.filter(pk=job.worktree.pk).update(removed_at=timezone.now())
    GitJob.objects.filter(pk=job.pk).update(
        state=JobState.FAILED if error else JobState.DONE,
        output=output,
        error=error,
        finished_at=timezone.now(),
    )


def make_worktree(worktree: Worktree) -> None:
    """Make the work tree and its branch where they are missing. Raises WorkspaceProblem."""
    result = run_git(
        worktree.agent.owner,
        "add",
        [worktree.path, worktree.branch],
        folder=worktree.repository,
        repository=worktree.repository,
        name=f"cam-git-add-{worktree.agent_id}",
    )
    if error := _words_of(result):
        raise WorkspaceProblem(f"The agent's own branch could not be made: {error}")


def run_git(
    user: User, action: str, arguments: list[str], *, folder: str, repository: str, name: str
) -> containers.CommandResult:
    """`repository` is the folder to be mounted, `folder` the work tree in it.

    Raises WorkspaceProblem, HardeningError or a ContainerError.
    """
    mounted = check_folder(user, repository)
    is_own = folder == repository
    author = user.get_full_name() or user.username
    email = user.email or f"{user.username}@cam.invalid"
    spec = hardening.CommandSpec(
        node=settings.CAM_NODE_NAME,
        name=name,
        script=SCRIPT.read_text(),
        arguments=(action, *arguments),
        folder=mounted.path,
        # In a work tree that was moved, as an agent's is for its container, git notes where it is.
        read_only=action == GitAction.LOOK and is_own,
        environment={
            "CAM_MOUNTED": mounted.path,
            "CAM_FOLDER": mounted.path if is_own else folder,
            "CAM_IDENTITY": mounted.identity,
            "GIT_AUTHOR_NAME": author,
            "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": author,
            "GIT_COMMITTER_EMAIL": email,
        },
        **confinement(mounted),
    )
    options = hardening.command_options(spec)
    return containers.run(options, timeout_seconds=TIMEOUT_SECONDS)


def _words_of(result: containers.CommandResult) -> str:
    """Why it failed; "" where it did not."""
    if not result.exit_code:
        return ""
    said = result.stderr.decode(errors="replace").replace("\0", "").strip()
    return said[:MAX_ERROR_CHARACTERS] or f"git ended with {result.exit_code}"
