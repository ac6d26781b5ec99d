from django.db import models

from agents.models.agent import Agent, AgentSession
from agents.querysets import OwnedByAgentQuerySet


class ContainerInspection(models.Model):
    """How a session's container was to be held, and how the engine said that it is, once started."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="inspections")
    session = models.OneToOneField(
        AgentSession, on_delete=models.CASCADE, related_name="inspection"
    )
    asked = models.JSONField(help_text="Facts, as agents.security_card reads them off the options.")
    found = models.JSONField(help_text="The same facts, as the engine's inspection has them.")
    inspected_at = models.DateTimeField()

    objects = OwnedByAgentQuerySet.as_manager()

    class Meta:
        ordering = ["-inspected_at"]

    def __str__(self) -> str:
        return f"{self.session_id} at {self.inspected_at:%Y-%m-%d %H:%M}"
