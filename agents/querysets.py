"""Who may see what: `visible_to(user)` on every model, used by every view, consumer, task and API call."""

from typing import TYPE_CHECKING, Self, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db import models

if TYPE_CHECKING:
    from django.contrib.auth.models import User

M = TypeVar("M", bound=models.Model, covariant=True)


class OwnedByAgentQuerySet(models.QuerySet[M]):
    """Rows that belong to an agent and are seen by who sees it."""

    def visible_to(self, user: "User | AnonymousUser") -> Self:
        if not user.is_authenticated:
            return self.none()
        return self.filter(agent__owner=user, agent__deleted_at__isnull=True)


class OwnedByUserQuerySet(models.QuerySet[M]):
    """Rows that are one user's, and seen by nobody else."""

    def visible_to(self, user: "User | AnonymousUser") -> Self:
        if not user.is_authenticated:
            return self.none()
        return self.filter(user=user)
