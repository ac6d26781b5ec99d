from typing import Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import models
from django.db.models import Q

from agents.models.agent import Agent


class Level(models.TextChoices):
    """What somebody may do with another's agent. Deleting and sharing stay with the owner."""

    VIEW = "view", "may look"
    ACT = "act", "may act"


class AgentShareQuerySet(models.QuerySet["AgentShare"]):
    def reaching(self, user: User | AnonymousUser) -> Self:
        """Shares with the user or with one of the user's groups."""
        groups = Group.objects.filter(user=user.pk).values("pk")
        return self.filter(Q(user=user.pk) | Q(group__in=groups))


class AgentShare(models.Model):
    """An agent that its owner lets another user, or a group, look at or act on."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="shares")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="agent_shares",
    )
    group = models.ForeignKey(
        Group, on_delete=models.CASCADE, null=True, blank=True, related_name="agent_shares"
    )
    level = models.CharField(max_length=4, choices=Level, default=Level.VIEW)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AgentShareQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user=None, group__isnull=False) | Q(user__isnull=False, group=None),
                name="share_with_user_or_group",
            ),
            models.UniqueConstraint(fields=["agent", "user"], name="share_with_user_once"),
            models.UniqueConstraint(fields=["agent", "group"], name="share_with_group_once"),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id}: {self.who} {self.get_level_display()}"

    @property
    def who(self) -> str:
        """The name of the user or group."""
        return self.user.username if self.user else str(self.group)
