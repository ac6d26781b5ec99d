"""Git on a workspace: how its work tree is, to commit, discard, merge. A worker asks git itself."""

from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import reswap, retarget

from agents.errors import AgentError
from agents.forms import GitForm, first_error
from agents.git_tree import read_tree
from agents.models import GitAction, GitJob, Worktree
from agents.services.git import LOST_AFTER, ask_git, confine_to_roots
from agents.views.answers import Request, answer, signed_in
from agents.views.workspaces import crumbs_of, roots_of

MAX_WORKTREES_SHOWN = 50


@require_safe
@signed_in
def workspace_git(request: Request) -> HttpResponse:
    """The folder at `?path=`; `?job=` is what was asked last, and without one the page asks itself."""
    path = request.GET.get("path", "")
    try:
        folder = confine_to_roots(request.user, path)
    except AgentError as exc:
        return render(request, "agents/workspace_git.html", {"folder_error": str(exc)}, status=404)
    context: dict[str, object] = {
        "path": folder,
        "crumbs": crumbs_of(folder, roots_of(request.user)),
    }
    if job_id := request.GET.get("job"):
        context |= _job_context(_get_job(request, job_id))
    return render(request, "agents/workspace_git.html", context)


@require_POST
@signed_in
def git_ask(request: Request) -> HttpResponse:
    """Ask; answers htmx with the job that is waited for, and with its error's words alone on a 422."""
    form = GitForm(request.POST)
    back = f"{reverse('workspace_git')}?{urlencode({'path': request.POST.get('path', '')})}"
    if not form.is_valid():
        return _refuse(request, back, first_error(form))
    data = form.cleaned_data
    try:
        job = ask_git(
            request.user,
            GitAction(data["action"]),
            data["path"],
            files=data["chosen"],
            message=data["message"],
        )
    except AgentError as exc:
        return _refuse(request, back, str(exc))
    if request.htmx:
        return render(request, "agents/_git_job.html", _job_context(job))
    return redirect(f"{back}&{urlencode({'job': str(job.pk)})}")


@require_safe
@never_cache
@signed_in
def git_job(request: Request, job_id: UUID) -> HttpResponse:
    """What has become of it; without htmx, the page with it."""
    job = _get_job(request, job_id)
    if not request.htmx:
        query = urlencode({"path": job.folder, "job": str(job.pk)})
        return redirect(f"{reverse('workspace_git')}?{query}")
    return render(request, "agents/_git_job.html", _job_context(job))


def _refuse(request: Request, back: str, error: str) -> HttpResponse:
    response = answer(request, back, error)
    return reswap(retarget(response, "#git-error"), "innerHTML") if request.htmx else response


def _get_job(request: Request, job_id: UUID | str) -> GitJob:
    try:
        key = UUID(str(job_id))
    except ValueError:
        key = UUID(int=0)
    jobs = GitJob.objects.visible_to(request.user).select_related("worktree__agent")
    return get_object_or_404(jobs, pk=key)


def _job_context(job: GitJob) -> dict[str, object]:
    context: dict[str, object] = {
        "job": job,
        "path": job.folder,
        "is_lost": not job.is_over and timezone.now() - job.created_at > LOST_AFTER,
    }
    if job.is_over:
        present = Worktree.objects.present().filter(path=job.folder).select_related("agent")
        context |= {
            "tree": read_tree(bytes(job.output)) if job.output else None,
            "worktree": present.visible_to(job.user).first(),
            "may_act": present.actable_by(job.user).exists(),
            "worktrees": _find_worktrees(job.user, job.folder),
        }
    return context


def _find_worktrees(user: User, repository: str) -> list[Worktree]:
    present = Worktree.objects.present().visible_to(user).filter(repository=repository)
    return list(present.select_related("agent")[:MAX_WORKTREES_SHOWN])
