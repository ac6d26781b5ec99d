from django.db import models

from agents.models.agent import Agent, AgentSession
from agents.querysets import OwnedByAgentQuerySet


class SessionEvent(models.Model):
    """One stored line of an agent's output; `seq` counts 1, 2, 3, ... within the agent, no gaps."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="events")
    session = models.ForeignKey(AgentSession, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=40)
    payload = models.JSONField()
    line_uuid = models.UUIDField(
        null=True, editable=False, help_text="The CLI's own id of the line; it may repeat a line."
    )
    created_at = models.DateTimeField()

    objects = OwnedByAgentQuerySet.as_manager()

    class Meta:
        ordering = ["agent", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["agent", "seq"], name="event_seq_once"),
            models.UniqueConstraint(fields=["agent", "line_uuid"], name="event_line_once"),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.seq} {self.kind}"


class EventText(models.Model):
    """What a line shows, as text, for the full-text search; none for lines that show nothing."""

    event = models.OneToOneField(
        SessionEvent, on_delete=models.CASCADE, primary_key=True, related_name="shown_text"
    )
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="+")
    text = models.TextField()

    objects = OwnedByAgentQuerySet.as_manager()

    def __str__(self) -> str:
        return self.text[:50]
