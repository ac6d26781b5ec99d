from typing import Self

from django.conf import settings
from django.db import models

from agents.models.agent import Agent, AgentSession
from agents.models.outbox import Delivery
from agents.querysets import OwnedByAgentQuerySet


class Decision(models.TextChoices):
    PENDING = "pending", "waiting"
    ALLOWED = "allowed", "allowed"
    DENIED = "denied", "denied"
    WITHDRAWN = "withdrawn", "withdrawn"


class ApprovalQuerySet(OwnedByAgentQuerySet["ApprovalRequest"]):
    def pending(self) -> Self:
        return self.filter(decision=Decision.PENDING)


class ApprovalRequest(models.Model):
    """One `can_use_tool` request of an agent and its decision.

    `decided_by` is empty where the agent's edit mode answered. `answers` holds a question's answers.
    """

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="approvals")
    session = models.ForeignKey(AgentSession, on_delete=models.CASCADE, related_name="approvals")
    request_id = models.CharField(max_length=100)
    tool_name = models.CharField(max_length=200)
    tool_use_id = models.CharField(max_length=100, blank=True)
    tool_input = models.JSONField()
    decision = models.CharField(max_length=10, choices=Decision, default=Decision.PENDING)
    message = models.TextField(blank=True, help_text="What the model is told with a refusal.")
    answers = models.JSONField(default=dict, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="decisions",
    )
    delivery = models.CharField(max_length=10, choices=Delivery, default=Delivery.QUEUED)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["session", "request_id"], name="approval_request_once")
        ]
        indexes = [models.Index(fields=["agent", "decision"])]

    def __str__(self) -> str:
        return f"{self.tool_name} {self.decision}"
