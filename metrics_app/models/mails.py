from datetime import datetime
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models

MAX_ATTEMPTS = 8


class MailKind(models.TextChoices):
    MONTHLY_REPORT = "monthly_report", "Monthly report"
    REQUESTED_REPORT = "requested_report", "Report that was asked for"
    BUDGET_ALERT = "budget_alert", "Budget alert"


class CostMailPreference(models.Model):
    """Which mails about costs a user wants; none where there is no row."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="cost_mail_preference",
    )
    monthly_report = models.BooleanField(
        "Monthly report",
        default=False,
        help_text="On the 1st what the month before cost. Switched on later in a month, it comes "
        "the next morning.",
    )
    budget_alerts = models.BooleanField(
        "Budget alerts", default=False, help_text="When a budget that concerns you runs low."
    )

    def __str__(self) -> str:
        return f"mails to {self.user_id}"


class CostMailQuerySet(models.QuerySet["CostMail"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """One's own; also staff read nobody else's."""
        return self.filter(user=user) if user.is_authenticated else self.none()

    def due(self, now: datetime) -> Self:
        """What is to be sent now, for the first time or again."""
        return self.filter(sent_at=None, due_at__lte=now, attempts__lt=MAX_ATTEMPTS)


class CostMail(models.Model):
    """A mail that is made once: one row for a user, a kind and an occasion.

    `due_at` is also the lease of the worker that is sending it: it lies an hour ahead meanwhile.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="cost_mails"
    )
    kind = models.CharField(max_length=20, choices=MailKind)
    occasion = models.CharField(max_length=100, help_text="What it is about, told from others.")
    title = models.CharField(max_length=200)
    facts = models.JSONField(default=dict, help_text="What its text is made from.")
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(help_text="When it is sent, or tried again.")
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True, help_text="Why the last attempt failed.")
    sent_at = models.DateTimeField(null=True, blank=True)
    address = models.EmailField(blank=True, help_text="Where it was sent to.")

    objects = CostMailQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "kind", "occasion"], name="cost_mail_once")
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(sent_at=None), name="cost_mail_unsent"
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_given_up(self) -> bool:
        return self.sent_at is None and self.attempts >= MAX_ATTEMPTS
