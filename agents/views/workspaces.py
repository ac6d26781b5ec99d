"""Folders and files beneath a user's workspace roots: to look at, and to launch agents in."""

import os
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import BinaryIO

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header, urlencode
from django.views.decorators.http import require_GET, require_safe

from agents.file_view import MAX_PICTURE_BYTES, MAX_TEXT_BYTES, view_file
from agents.forms import FolderForm
from agents.images import media_type_of
from agents.models import Agent, WorkspaceRoot
from agents.views.answers import Request, signed_in
from agents.views.transcript import picture_response
from agents.workspaces import WorkspaceError, list_folder, moment_of, open_file

CHUNK_BYTES = 256 * 1024
MAX_AGENTS_SHOWN = 50


@require_safe
@signed_in
def folder_picker(request: Request) -> HttpResponse:
    """The folders at `?path=`, for the launch form; without htmx, the form with that folder."""
    path = request.GET.get("path", "")
    if not request.htmx:
        return redirect(f"{reverse('agent_launch')}?{urlencode({'path': path})}")
    return render(request, "agents/_folders.html", browse(request.user, path))


def browse(user: User, path: str) -> dict[str, object]:
    """The folders in `path`; the roots, with the reason, where it cannot be opened."""
    roots = roots_of(user)
    if not path and len(roots) == 1:
        path = roots[0]
    try:
        return {"listing": list_folder(path, roots)}
    except WorkspaceError as exc:
        return {"listing": list_folder("", roots), "folder_error": str(exc)}


@require_safe
@signed_in
def workspace_home(request: Request) -> HttpResponse:
    """The folder at `?path=`, or the roots; what cannot be opened is a 404 that says why."""
    chosen = FolderForm(request.GET).chosen
    roots = roots_of(request.user)
    context: dict[str, object] = {"chosen": chosen}
    try:
        listing = list_folder(chosen.path, roots, show_hidden=chosen.hidden, order=chosen.order)
    except WorkspaceError as exc:
        context |= {"listing": list_folder("", roots), "folder_error": str(exc)}
        return render(request, "agents/workspace_home.html", context, status=404)
    agents = Agent.objects.visible_to(request.user).filter(workspace=listing.path)
    context |= {
        "listing": listing,
        "crumbs": crumbs_of(listing.path, roots) if listing.path else [],
        "agents": agents.select_related("owner")[:MAX_AGENTS_SHOWN],
    }
    return render(request, "agents/workspace_home.html", context)


@require_safe
@signed_in
def workspace_file(request: Request) -> HttpResponse:
    """The file at `?path=`; of Markdown its source with `?view=source`."""
    path = request.GET.get("path", "")
    with open(_open(request, path), "rb") as file:
        status = os.fstat(file.fileno())
        head = file.read(MAX_TEXT_BYTES)
    as_source = request.GET.get("view") == "source"
    context = {
        "path": path,
        "name": PurePosixPath(path).name,
        "folder": str(PurePosixPath(path).parent),
        "size_bytes": status.st_size,
        "modified_at": moment_of(status),
        "view": view_file(path, head, status.st_size, as_source=as_source),
        "as_source": as_source,
    }
    return render(request, "agents/workspace_file.html", context)


@require_safe
@signed_in
def workspace_picture(request: Request) -> HttpResponse:
    """The picture at `?path=` as what it is by its content; 404 for all else."""
    with open(_open(request, request.GET.get("path", "")), "rb") as file:
        data = file.read(MAX_PICTURE_BYTES + 1)
    media_type = media_type_of(data)
    if media_type is None or len(data) > MAX_PICTURE_BYTES:
        raise Http404
    response = picture_response(media_type, data)
    response["Cache-Control"] = "private, no-cache"
    return response


@require_GET
@signed_in
def workspace_download(request: Request) -> HttpResponseBase:
    """The file at `?path=`, whatever it holds, for the browser to save."""
    path = request.GET.get("path", "")
    file = open(_open(request, path), "rb")  # noqa: SIM115 (closed by who reads it)
    response = StreamingHttpResponse(_chunks(file), content_type="application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(True, PurePosixPath(path).name)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


def roots_of(user: User) -> list[str]:
    return WorkspaceRoot.objects.visible_to(user).paths()


def crumbs_of(folder: str, roots: list[str]) -> list[tuple[str, str]]:
    """Name and path of each folder from its root down."""
    path = PurePosixPath(folder)
    tops = {os.path.realpath(root) for root in roots}
    above = [path, *path.parents]
    last = next((place for place, folder in enumerate(above) if str(folder) in tops), 0)
    steps = above[: last + 1][::-1]
    return [(str(steps[0]), str(steps[0])), *((step.name, str(step)) for step in steps[1:])]


def _open(request: Request, path: str) -> int:
    try:
        return open_file(path, roots_of(request.user))
    except (WorkspaceError, OSError) as exc:
        raise Http404(str(exc)) from exc


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while chunk := await sync_to_async(file.read)(CHUNK_BYTES):
            yield chunk
