from typing import Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db import models


class WorkspaceRootQuerySet(models.QuerySet["WorkspaceRoot"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        if not user.is_authenticated:
            return self.none()
        reached = models.Q(users=user) | models.Q(groups__user=user)
        return self.filter(models.Q(for_everyone=True) | reached).distinct()

    def paths(self) -> list[str]:
        return list(self.values_list("path", flat=True))


class WorkspaceRoot(models.Model):
    """A host directory that given users may browse and launch agents in."""

    path = models.CharField(max_length=4096, unique=True)
    for_everyone = models.BooleanField(default=True)
    users = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="workspace_roots"
    )

    groups = models.ManyToManyField("auth.Group", blank=True, related_name="workspace_roots")

    objects = WorkspaceRootQuerySet.as_manager()

    class Meta:
        ordering = ["path"]

    def __str__(self) -> str:
        return self.path

    def clean(self) -> None:
        if not self.path.startswith("/"):
            raise ValidationError({"path": "Enter an absolute path."})
