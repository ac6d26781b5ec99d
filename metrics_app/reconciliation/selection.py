from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User

from agents.models import Agent
from metrics_app.querysets import TurnCostQuerySet
from metrics_app.turn_costs import settled_turns


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSelection:
    """Which turns are asked for: those that `manage.py reconcile_costs` takes, narrowed."""

    days: int
    is_flagged_only: bool
    username: str | None = None
    agent: Agent | None = None

    def in_range(self, viewer: User, now: datetime) -> TurnCostQuerySet:
        """Those that agree too."""
        found = settled_turns(self.days, now).visible_to(viewer)
        if self.username:
            found = found.filter(agent__owner__username=self.username)
        return found.filter(agent=self.agent) if self.agent else found

    def listed(self, viewer: User, now: datetime) -> TurnCostQuerySet:
        """Newest first."""
        found = self.in_range(viewer, now)
        if self.is_flagged_only:
            found = found.filter(is_flagged=True)
        return found.select_related("agent__owner", "session").order_by("-ended_at", "-pk")
