from django.db import models

from agents.models import Agent
from agents.querysets import OwnedByAgentQuerySet


class Verdict(models.TextChoices):
    ALLOWED = "allowed", "allowed"
    REFUSED = "refused", "refused"


class EgressHost(models.Model):
    """What an agent had to do with a host through the gateway, all of it in one row a verdict.

    An empty `host` stands for all that came after the agent's first metrics_app.egress.MAX_HOSTS.
    """

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="egress")
    host = models.CharField(max_length=253, blank=True)
    verdict = models.CharField(max_length=10, choices=Verdict)
    methods = models.CharField(max_length=100, blank=True)
    attempts = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveBigIntegerField(
        default=0, help_text="Of those that were allowed: came to nothing."
    )
    bytes_sent = models.PositiveBigIntegerField(default=0)
    bytes_received = models.PositiveBigIntegerField(default=0)
    reason = models.CharField(
        max_length=200, blank=True, help_text="Of the last refusal or failure."
    )
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)

    objects = OwnedByAgentQuerySet.as_manager()

    class Meta:
        ordering = ["-last_at"]
        constraints = [
            models.UniqueConstraint(fields=["agent", "host", "verdict"], name="egress_host_once")
        ]

    def __str__(self) -> str:
        return f"{self.host or 'others'} {self.verdict}"


class EgressCheckpoint(models.Model):
    """The file that a node's ingest stored last: it may still lie there, and counts once."""

    node = models.CharField(max_length=100, unique=True)
    name = models.CharField(max_length=255, blank=True)

    def __str__(self) -> str:
        return f"{self.node} {self.name}"
