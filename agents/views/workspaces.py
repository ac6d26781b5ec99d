from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from agents.models import WorkspaceRoot
from agents.views.answers import Request, signed_in
from agents.workspaces import WorkspaceError, list_folder


@require_safe
@signed_in
def folder_picker(request: Request) -> HttpResponse:
    """The folders at `?path=`, for the launch form; without htmx, the form with that folder."""
    path = request.GET.get("path", "")
    if not request.htmx:
        return redirect(f"{reverse('agent_launch')}?{urlencode({'path': path})}")
    return render(request, "agents/_folders.html", browse(request.user, path))


def browse(user: User, path: str) -> dict[str, object]:
    """The listing of `path`; of the roots, with the reason, where it cannot be opened."""
    roots = [root.path for root in WorkspaceRoot.objects.visible_to(user)]
    if not path and len(roots) == 1:
        path = roots[0]
    try:
        return {"listing": list_folder(path, roots)}
    except WorkspaceError as exc:
        return {"listing": list_folder("", roots), "folder_error": str(exc)}
