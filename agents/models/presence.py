from django.conf import settings
from django.db import models

from agents.models.agent import Agent
from agents.querysets import OwnedByAgentQuerySet


class AgentViewer(models.Model):
    """Somebody who has an agent's page open, by when that page's socket was last looked at."""

    agent = models.ForeignKey(
        Agent, on_delete=models.CASCADE, related_name="viewers", db_index=False
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(db_index=True)

    objects = OwnedByAgentQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agent", "user"], name="viewer_once")]

    def __str__(self) -> str:
        return f"{self.user} looks at {self.agent}"
