from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Q

from agents.models.agent import Agent


class Act(models.TextChoices):
    LAUNCH = "launch", "launched it"
    STOP = "stop", "stopped it"
    RESUME = "resume", "resumed it"
    INTERRUPT = "interrupt", "interrupted its turn"
    DELETE = "delete", "deleted it"
    EDIT_MODE = "edit_mode", "set who answers its edits"
    MODEL = "model", "set its model"
    EFFORT = "effort", "set its effort"
    PLAN_MODE = "plan_mode", "set its plan mode"
    SHARE = "share", "shared it"
    WITHDRAW = "withdraw", "withdrew a share"
    COMMIT = "commit", "committed changes"
    DISCARD = "discard", "discarded changes"
    MERGE = "merge", "merged a branch"
    REMOVE = "remove", "discarded a branch"


class AuditRecordQuerySet(models.QuerySet["AuditRecord"]):
    def visible_to(self, user: User | AnonymousUser) -> "AuditRecordQuerySet":
        """What was done with the agents that the user sees, and what the user did."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(Q(agent__in=Agent.objects.visible_to(user)) | Q(user=user))


class AuditRecord(models.Model):
    """Somebody did something with an agent, or with a folder. Decisions and prompts are their own rows."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    agent = models.ForeignKey(
        Agent, on_delete=models.CASCADE, null=True, blank=True, related_name="acts"
    )
    act = models.CharField(max_length=12, choices=Act)
    detail = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = AuditRecordQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.user} {self.get_act_display()}"
