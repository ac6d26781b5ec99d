from datetime import datetime, timedelta

from django.conf import settings
from django.db import models

from agents.models.agent import Agent
from agents.querysets import OwnedByUserQuerySet

MAX_ATTEMPTS = 7


class Kind(models.TextChoices):
    """What happened to an agent that is worth telling."""

    NEEDS_YOU = "needs_you", "needs you"
    FINISHED = "finished", "has finished its turn"
    ENDED = "ended", "has ended"
    FAILED = "failed", "has failed"


class Channel(models.TextChoices):
    BROWSER = "browser", "Open page"
    PUSH = "push", "Push"
    WEBHOOK = "webhook", "Webhook"
    EMAIL = "email", "E-mail"


class Notification(models.Model):
    """One event of one agent, told to one user. Every channel reads these rows."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=12, choices=Kind)
    occasion = models.CharField(max_length=60, help_text="Which event of the agent, told once.")
    text = models.CharField(max_length=200, blank=True, help_text="More, for the portal's pages.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedByUserQuerySet["Notification"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "agent", "kind", "occasion"], name="notification_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["user"], condition=models.Q(read_at=None), name="notification_unread"
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """The agent's name and what happened: all that leaves the portal."""
        return " ".join(f"{self.agent.name} {self.get_kind_display()}".split())

    @property
    def tag(self) -> str:
        """Browsers show one notification a tag: an agent's next one takes the place of its last."""
        return f"agent-{self.agent_id}"


class NotificationChoice(models.Model):
    """A user wants this kind told by this channel. Without rows all channels are quiet."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification_choices"
    )
    kind = models.CharField(max_length=12, choices=Kind)
    channel = models.CharField(max_length=10, choices=Channel)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind", "channel"], name="notification_choice_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.channel}"


class PushSubscription(models.Model):
    """A browser that wants pushes, and the keys that only it can read them with."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="push_subscriptions"
    )
    endpoint = models.CharField(max_length=1000)
    endpoint_digest = models.CharField(max_length=64, unique=True, editable=False)
    p256dh = models.CharField(max_length=100)
    auth = models.CharField(max_length=50)
    device = models.CharField(max_length=100, help_text="Which browser it is, in words.")
    created_at = models.DateTimeField(auto_now_add=True)
    last_sent_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedByUserQuerySet["PushSubscription"].as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.device


class Webhook(models.Model):
    """Where a user's own program hears of events, and the secret that signs them."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhook"
    )
    url = models.CharField(max_length=500)
    encrypted_secret = models.TextField(editable=False)
    changed_at = models.DateTimeField(auto_now=True)

    objects = OwnedByUserQuerySet["Webhook"].as_manager()

    def __str__(self) -> str:
        return f"webhook {self.pk}"


class DispatchQuerySet(OwnedByUserQuerySet["Dispatch"]):
    def due(self, now: datetime) -> "DispatchQuerySet":
        """To be sent now, or to be tried again."""
        return self.filter(sent_at=None, due_at__lte=now, attempts__lt=MAX_ATTEMPTS)


class Dispatch(models.Model):
    """A notification on its way by push, webhook or e-mail, and what became of it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="dispatches"
    )
    notification = models.ForeignKey(
        Notification, null=True, on_delete=models.CASCADE, help_text="None for a test."
    )
    channel = models.CharField(max_length=10, choices=Channel)
    subscription = models.ForeignKey(PushSubscription, null=True, on_delete=models.CASCADE)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    due_at = models.DateTimeField(help_text="When it is sent, or tried again.")
    attempts = models.PositiveSmallIntegerField(default=0)
    answer = models.CharField(max_length=200, blank=True, help_text="What the last attempt gave.")
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = DispatchQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(sent_at=None), name="dispatch_unsent"
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        return self.notification.title if self.notification else "Test"

    @property
    def is_given_up(self) -> bool:
        return self.sent_at is None and self.attempts >= MAX_ATTEMPTS

    @property
    def pause(self) -> timedelta:
        """How long to wait after this many attempts: 15 s, 1 min, 4 min, 16 min, about 1 h, 4 h."""
        return timedelta(seconds=15 * 4 ** max(0, self.attempts - 1))
