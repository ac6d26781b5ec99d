"""Images of a conversation, apart from its lines."""

import uuid

from django.conf import settings
from django.db import models

from agents.models.agent import Agent
from agents.models.event import SessionEvent
from agents.models.outbox import Prompt
from agents.querysets import OwnedByAgentQuerySet


class EventImage(models.Model):
    """An image of one line of an agent's output; its media type is by its content."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="+")
    event = models.ForeignKey(
        SessionEvent, on_delete=models.CASCADE, related_name="images", db_index=False
    )
    number = models.PositiveSmallIntegerField(help_text="Within the line, from 0.")
    media_type = models.CharField(max_length=20)
    data = models.BinaryField()

    objects = OwnedByAgentQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "number"], name="event_image_once")]

    def __str__(self) -> str:
        return f"{self.event_id} {self.number}"


class Screenshot(models.Model):
    """An image that a person gives to an agent, until the agent's transcript has it.

    Without a prompt it is still in somebody's prompt box.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="screenshots")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    prompt = models.ForeignKey(
        Prompt, on_delete=models.CASCADE, null=True, blank=True, related_name="screenshots"
    )
    media_type = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    data = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = OwnedByAgentQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.width} x {self.height} {self.media_type}"
