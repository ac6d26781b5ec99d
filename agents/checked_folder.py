"""A folder that a container is about to work in, and how this site holds such a container."""

import os
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from agents import hardening
from agents.errors import WorkspaceProblem
from agents.models import WorkspaceRoot
from agents.workspaces import WorkspaceError, confine_folder


@dataclass(frozen=True)
class CheckedFolder:
    path: str
    status: os.stat_result

    @property
    def identity(self) -> str:
        return hardening.workspace_identity(self.status)


def check_folder(user: User, path: str) -> CheckedFolder:
    """The folder, if it is still beneath one of the user's roots and its owner can work in it.

    Raises WorkspaceProblem.
    """
    try:
        folder, status = confine_folder(path, WorkspaceRoot.objects.visible_to(user).paths())
    except WorkspaceError as exc:
        raise WorkspaceProblem(str(exc)) from exc
    problem = hardening.workspace_problem(folder, status)
    if problem:
        raise WorkspaceProblem(problem)
    return CheckedFolder(folder, status)


def confinement(folder: CheckedFolder) -> dict[str, Any]:
    """The fields of a `hardening.Confinement` but its node, as the settings and the folder's owner have it."""
    uid, gid = hardening.workspace_user(folder.status)
    return {
        "image": settings.CAM_AGENT_IMAGE,
        "uid": uid,
        "gid": gid,
        "seccomp_profile": settings.CAM_AGENT_SECCOMP_PROFILE.read_text(),
        "apparmor_profile": settings.CAM_AGENT_APPARMOR_PROFILE,
        "memory_bytes": settings.CAM_AGENT_MEMORY_MB << 20,
        "cpus": settings.CAM_AGENT_CPUS,
        "pids": settings.CAM_AGENT_PIDS,
    }
