import uuid
from pathlib import PurePosixPath
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models

from agents.querysets import OwnedByAgentQuerySet, shared_agents


class Status(models.TextChoices):
    """What an agent is doing, taken from protocol events only."""

    CREATED = "created", "created"
    STARTING = "starting", "starting"
    WORKING = "working", "working"
    NEEDS_YOU = "needs_you", "needs you"
    IDLE = "idle", "idle"
    STOPPING = "stopping", "stopping"
    STOPPED = "stopped", "stopped"
    FAILED = "failed", "failed"


LIVE_STATUSES = (Status.STARTING, Status.WORKING, Status.NEEDS_YOU, Status.IDLE)
ENDED_STATUSES = (Status.CREATED, Status.STOPPED, Status.FAILED)


class EditMode(models.TextChoices):
    """Who answers an agent's request to change a file."""

    ASK = "ask", "Ask for every edit"
    OFF = "off", "Refuse edits"
    TURN = "turn", "Allow edits this turn"
    SESSION = "session", "Allow edits this session"


class Effort(models.TextChoices):
    """How much the model thinks; what the CLI knows for a running session."""

    DEFAULT = "", "As the model has it"
    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"
    VERY_HIGH = "xhigh", "Very high"


class AgentQuerySet(models.QuerySet["Agent"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The user's own agents and those that others share with the user; no deleted ones."""
        return self._reached_by(user)

    def actable_by(self, user: User | AnonymousUser) -> Self:
        """Of these the ones that the user may talk to, answer and stop."""
        return self._reached_by(user, level="act")

    def owned_by(self, user: User | AnonymousUser) -> Self:
        """The user's own agents that are not deleted."""
        return self.filter(owner=user.pk, deleted_at__isnull=True)

    def _reached_by(self, user: User | AnonymousUser, **levels: str) -> Self:
        if not user.is_authenticated:
            return self.none()
        reached = models.Q(owner=user) | models.Q(pk__in=shared_agents(user, **levels))
        return self.filter(reached, deleted_at__isnull=True)


class Agent(models.Model):
    """What a user launches and sees. It outlives its containers."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="agents"
    )
    name = models.CharField(max_length=100)
    workspace = models.CharField(max_length=4096)
    model = models.CharField(max_length=100)
    edit_mode = models.CharField(max_length=10, choices=EditMode, default=EditMode.ASK)
    effort = models.CharField(max_length=10, choices=Effort, default=Effort.DEFAULT, blank=True)
    plans_first = models.BooleanField(
        default=False, help_text="In the CLI's plan mode: it proposes a plan before it acts."
    )
    context_tokens = models.PositiveBigIntegerField(null=True, blank=True, editable=False)
    context_window = models.PositiveBigIntegerField(null=True, blank=True, editable=False)
    status = models.CharField(max_length=12, choices=Status, default=Status.CREATED)
    status_reason = models.TextField(blank=True)
    activity = models.CharField(
        max_length=200, blank=True, editable=False, help_text="What it does, by its latest line."
    )
    node = models.CharField(max_length=100)
    claude_session_uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    has_conversation = models.BooleanField(
        default=False, help_text="The CLI has a transcript that a later start can resume."
    )
    last_seq = models.PositiveBigIntegerField(default=0, editable=False)
    last_event_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = AgentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["owner", "deleted_at"])]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/agents/{self.pk}/"

    @property
    def is_live(self) -> bool:
        return self.status in LIVE_STATUSES

    @property
    def is_ended(self) -> bool:
        return self.status in ENDED_STATUSES

    @property
    def standing_edit_mode(self) -> str:
        """What answers an edit now: who is to plan first has leave for none, and asks."""
        allows = self.edit_mode in (EditMode.TURN, EditMode.SESSION)
        return EditMode.ASK if self.plans_first and allows else self.edit_mode

    @property
    def context_percent(self) -> int | None:
        """How much of the model's context is used; None where that is not known."""
        if self.context_tokens is None or not self.context_window:
            return None
        return min(100, round(100 * self.context_tokens / self.context_window))

    @property
    def folder_name(self) -> str:
        return PurePosixPath(self.workspace).name or self.workspace


class AgentSessionQuerySet(OwnedByAgentQuerySet["AgentSession"]):
    def open(self) -> Self:
        """Sessions whose container may still run."""
        return self.filter(ended_at__isnull=True)


class AgentSession(models.Model):
    """One run of an agent's container."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="sessions")
    number = models.PositiveIntegerField()
    container_id = models.CharField(max_length=64, blank=True)
    log_cursor = models.CharField(
        max_length=40,
        blank=True,
        help_text="Docker's timestamp of the last log line that is recorded.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    initialized_at = models.DateTimeField(null=True, blank=True)
    commands = models.JSONField(
        default=list, blank=True, editable=False, help_text="The CLI's slash commands."
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    exit_code = models.IntegerField(null=True, blank=True)
    exit_reason = models.TextField(blank=True)

    objects = AgentSessionQuerySet.as_manager()

    class Meta:
        ordering = ["agent", "number"]
        constraints = [
            models.UniqueConstraint(fields=["agent", "number"], name="session_number_once"),
            models.UniqueConstraint(
                fields=["agent"],
                condition=models.Q(ended_at__isnull=True),
                name="one_open_session_an_agent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} #{self.number}"


class LiveText(models.Model):
    """What an agent is writing right now; replaced at each flush, empty between answers."""

    agent = models.OneToOneField(
        Agent, on_delete=models.CASCADE, primary_key=True, related_name="live_text"
    )
    text = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.agent_id}: {self.text[:50]}"
