"""Who may see what: `visible_to(user)` on every model, used by every view, consumer, task and API call."""

from typing import TYPE_CHECKING, Self, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db import models

if TYPE_CHECKING:
    from django.contrib.auth.models import User


M = TypeVar("M", bound=models.Model, covariant=True)


class AgentQuerySet(models.QuerySet["Agent"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        """The user's own agents that are not deleted."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(owner=user, deleted_at__isnull=True)


class OwnedByAgentQuerySet(models.QuerySet[M]):
    """Rows that belong to an agent and are seen by who sees it."""

    def visible_to(self, user: "User | AnonymousUser") -> Self:
        if not user.is_authenticated:
            return self.none()
        return self.filter(agent__owner=user, agent__deleted_at__isnull=True)


class AgentSessionQuerySet(OwnedByAgentQuerySet["AgentSession"]):
    def open(self) -> Self:
        """Sessions whose container may still run."""
        return self.filter(ended_at__isnull=True)


class ApprovalQuerySet(OwnedByAgentQuerySet["ApprovalRequest"]):
    def pending(self) -> Self:
        return self.filter(decision="pending")


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        if not user.is_authenticated:
            return self.none()
        return self.filter(user=user)


class WorkspaceRootQuerySet(models.QuerySet["WorkspaceRoot"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        if not user.is_authenticated:
            return self.none()
        return self.filter(models.Q(for_everyone=True) | models.Q(users=user)).distinct()
