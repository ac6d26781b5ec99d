"""What the portal says to an agent: rows first, written to its stdin by the bridge."""

import uuid

from django.conf import settings
from django.db import models

from agents.models.agent import Agent, AgentSession
from agents.querysets import OwnedByAgentQuerySet


class Delivery(models.TextChoices):
    QUEUED = "queued", "queued"
    SENT = "sent", "sent"
    RECEIVED = "received", "received"
    STARTED = "started", "started"
    DONE = "done", "done"
    CANCELLED = "cancelled", "cancelled"
    FAILED = "failed", "failed"


class Prompt(models.Model):
    """Something said to an agent."""

    class Source(models.TextChoices):
        TYPED = "typed", "typed"
        API = "api", "API"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="prompts")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="prompts"
    )
    source = models.CharField(max_length=10, choices=Source, default=Source.TYPED)
    text = models.TextField()
    delivery = models.CharField(max_length=10, choices=Delivery, default=Delivery.QUEUED)
    session = models.ForeignKey(
        AgentSession, on_delete=models.CASCADE, null=True, blank=True, related_name="prompts"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedByAgentQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        indexes = [models.Index(fields=["agent", "delivery"])]

    def __str__(self) -> str:
        return self.text[:50]


class ControlRequest(models.Model):
    """A request to the CLI itself, such as to end the turn or to use another model."""

    class Kind(models.TextChoices):
        INTERRUPT = "interrupt", "interrupt"
        SET_MODEL = "set_model", "set model"
        SET_PERMISSION_MODE = "set_permission_mode", "set permission mode"
        APPLY_SETTINGS = "apply_flag_settings", "apply settings"
        CANCEL_PROMPT = "cancel_async_message", "cancel a prompt"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(
        AgentSession, on_delete=models.CASCADE, related_name="control_requests"
    )
    kind = models.CharField(max_length=30, choices=Kind)
    arguments = models.JSONField(default=dict, blank=True)
    delivery = models.CharField(max_length=10, choices=Delivery, default=Delivery.QUEUED)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.kind} {self.delivery}"
