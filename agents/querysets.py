"""Who may see what: `visible_to(user)` on every model, used by every view, consumer, task and API call."""

from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from django.contrib.auth.models import User

M = TypeVar("M", bound=models.Model, covariant=True)


def shared_agents(user: "User | AnonymousUser", **levels: str) -> models.QuerySet[Any, Any]:
    """Ids of agents that others share with the user, for a subquery; of one `level` if it is given."""
    shares = apps.get_model("agents", "AgentShare")._default_manager
    return shares.reaching(user).filter(**levels).values("agent")


class OwnedByAgentQuerySet(models.QuerySet[M]):
    """Rows that belong to an agent and are seen by who sees it."""

    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self._reached_by(user)

    def actable_by(self, user: "User | AnonymousUser") -> Self:
        """Rows of agents that the user may act on."""
        return self._reached_by(user, level="act")

    def _reached_by(self, user: "User | AnonymousUser", **levels: str) -> Self:
        if not user.is_authenticated:
            return self.none()
        reached = Q(agent__owner=user) | Q(agent__in=shared_agents(user, **levels))
        return self.filter(reached, agent__deleted_at__isnull=True)


class OwnedByUserQuerySet(models.QuerySet[M]):
    """Rows that are one user's, and seen by nobody else."""

    def visible_to(self, user: "User | AnonymousUser") -> Self:
        if not user.is_authenticated:
            return self.none()
        return self.filter(user=user)
