"""The ledger summed by hour and by day. Written by `metrics_app.rollups` only, always by adding.

The same calls are summed several times, each table for the pages that it serves with few rows.
"""

from django.conf import settings
from django.db import models

from agents.models import Agent
from metrics_app.histogram import BUCKETS
from metrics_app.querysets import OwnerQuerySet, RollupQuerySet


class Spending(models.Model):
    """Costs are whole steps of 1e-10 USD: both databases add them exactly."""

    cost_steps = models.BigIntegerField(default=0, help_text="Without the unpriced calls.")
    attempts = models.BigIntegerField(default=0, help_text="Rows of the ledger.")
    calls = models.BigIntegerField(default=0, help_text="Attempts but for counting tokens.")
    unpriced = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class UsageSums(Spending):
    """What calls with a model add up to."""

    model = models.CharField(
        max_length=200, help_text="The one that answered, else the one that was asked for."
    )
    failed = models.BigIntegerField(default=0)
    rate_limited = models.BigIntegerField(default=0)
    overloaded = models.BigIntegerField(default=0)
    estimated = models.BigIntegerField(default=0)
    estimated_steps = models.BigIntegerField(default=0, help_text="The estimated part of the cost.")
    input_tokens = models.BigIntegerField(default=0)
    cache_write_5m_tokens = models.BigIntegerField(default=0)
    cache_write_1h_tokens = models.BigIntegerField(default=0)
    cache_read_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    thinking_tokens = models.BigIntegerField(default=0)
    web_searches = models.BigIntegerField(default=0)
    # The part of them that has no price.
    unpriced_input_tokens = models.BigIntegerField(default=0)
    unpriced_cache_write_5m_tokens = models.BigIntegerField(default=0)
    unpriced_cache_write_1h_tokens = models.BigIntegerField(default=0)
    unpriced_cache_read_tokens = models.BigIntegerField(default=0)
    unpriced_output_tokens = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class LatencyCounts(models.Model):
    """How many calls that were answered took how long, in the buckets of `metrics_app.histogram`.

    Its columns `first_byte_0` and `total_0` onwards are added below.
    """

    class Meta:
        abstract = True


class OfAgent(models.Model):
    """Sums of a user's calls with an agent."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+", db_index=False)

    objects = RollupQuerySet.as_manager()

    class Meta:
        abstract = True


FIRST_BYTE_COLUMNS = [f"first_byte_{bucket}" for bucket in range(BUCKETS)]
TOTAL_COLUMNS = [f"total_{bucket}" for bucket in range(BUCKETS)]
for _column in FIRST_BYTE_COLUMNS + TOTAL_COLUMNS:
    LatencyCounts.add_to_class(_column, models.BigIntegerField(default=0))


class HourlyUsage(OfAgent, UsageSums):
    """Its constraint is also the index for sums by hour and model, and has their order."""

    hour = models.DateTimeField(help_text="When it began, UTC.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "model", "agent", "user"], name="hourly_usage_once"
            )
        ]
        indexes = [
            models.Index(fields=["user", "hour"]),
            models.Index(fields=["agent", "hour"]),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.agent_id} {self.model}"


class DailyUsage(OfAgent, UsageSums, LatencyCounts):
    """As `HourlyUsage`, by session too: the others by day are sums of it."""

    day = models.DateField(help_text="UTC.")
    session_id = models.BigIntegerField(help_text="0 where no session is known.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "model", "agent", "session_id", "user"], name="daily_usage_once"
            )
        ]
        indexes = [
            models.Index(fields=["user", "day"]),
            models.Index(fields=["agent", "day"]),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.agent_id} {self.model}"


class DailySpending(OfAgent, Spending):
    """What a session cost, whatever its models."""

    day = models.DateField(help_text="UTC.")
    session_id = models.BigIntegerField(help_text="0 where no session is known.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "session_id", "agent", "user"], name="daily_spending_once"
            )
        ]
        indexes = [
            models.Index(fields=["user", "day"]),
            models.Index(fields=["agent", "day"]),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.agent_id} {self.session_id}"


class DailyTotal(UsageSums, LatencyCounts):
    """Sums of all calls of a user with a model, and of everyone's."""

    day = models.DateField(help_text="UTC.")
    owner_id = models.BigIntegerField(help_text="The user, or 0 for everyone.")
    is_answered = models.BooleanField(help_text="Whether `model` did answer.")

    objects = OwnerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner_id", "day", "model", "is_answered"], name="daily_total_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.owner_id} {self.model}"


class DayVersion(models.Model):
    """How often the sums of a day were written: while it stays the same, so do they."""

    day = models.DateField(help_text="UTC.")
    owner_id = models.BigIntegerField(help_text="As in `DailyTotal`.")
    version = models.BigIntegerField(default=0)

    objects = OwnerQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner_id", "day"], name="day_version_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.owner_id}: {self.version}"
