from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Q

from agents.models.agent import Agent
from agents.models.job import Job
from agents.querysets import OwnedByUserQuerySet


class WorktreeQuerySet(models.QuerySet["Worktree"]):
    def visible_to(self, user: User | AnonymousUser) -> "WorktreeQuerySet":
        """Those of the agents that the user sees, and those that the user's deleted agents left."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(Q(agent__in=Agent.objects.visible_to(user)) | Q(agent__owner=user))

    def actable_by(self, user: User | AnonymousUser) -> "WorktreeQuerySet":
        if not user.is_authenticated:
            return self.none()
        return self.filter(Q(agent__in=Agent.objects.actable_by(user)) | Q(agent__owner=user))

    def present(self) -> "WorktreeQuerySet":
        return self.filter(removed_at__isnull=True)


class Worktree(models.Model):
    """An agent's own work tree and branch of a repository. It lies beneath the repository, and outlives
    the agent: what is on the branch goes only when somebody discards it."""

    agent = models.OneToOneField(Agent, on_delete=models.CASCADE, related_name="worktree")
    repository = models.CharField(max_length=4096)
    path = models.CharField(max_length=4096, db_index=True)
    branch = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = WorktreeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.branch} of {self.repository}"


class GitAction(models.TextChoices):
    LOOK = "look", "look"
    COMMIT = "commit", "commit"
    DISCARD = "discard", "discard changes"
    MERGE = "merge", "merge a branch"
    REMOVE = "remove", "discard a branch"


class GitJob(Job):
    """What a user asked git of a folder."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="git_jobs"
    )
    action = models.CharField(max_length=10, choices=GitAction)
    folder = models.CharField(max_length=4096)
    worktree = models.ForeignKey(
        Worktree, on_delete=models.CASCADE, null=True, blank=True, related_name="jobs"
    )
    arguments = models.JSONField(default=list)
    output = models.BinaryField(
        default=bytes, help_text="As agents.git_tree reads it; it has NUL characters."
    )

    objects = OwnedByUserQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.action} in {self.folder}"
