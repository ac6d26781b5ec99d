"""The ledger summed by hour and by day. Written by `metrics_app.rollups` only, always by adding."""

from django.conf import settings
from django.db import models

from agents.models import Agent
from metrics_app.histogram import BUCKETS
from metrics_app.querysets import RollupQuerySet


class Rollup(models.Model):
    """What the calls of a user's agent with a model add up to, in a span of time."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+", db_index=False)
    model = models.CharField(
        max_length=200, help_text="The one that answered, else the one that was asked for."
    )

    class Meta:
        abstract = True


class UsageSums(Rollup):
    """Costs are whole steps of 1e-10 USD: both databases add them exactly."""

    session_id = models.BigIntegerField(help_text="0 where no session is known.")
    is_answered = models.BooleanField(help_text="Whether `model` did answer.")

    cost_steps = models.BigIntegerField(default=0, help_text="Without the unpriced calls.")
    estimated_steps = models.BigIntegerField(default=0, help_text="The part that is estimated.")
    attempts = models.BigIntegerField(default=0, help_text="Rows of the ledger.")
    calls = models.BigIntegerField(default=0, help_text="Attempts but for counting tokens.")
    failed = models.BigIntegerField(default=0)
    rate_limited = models.BigIntegerField(default=0)
    overloaded = models.BigIntegerField(default=0)
    unpriced = models.BigIntegerField(default=0)
    estimated = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    cache_write_5m_tokens = models.BigIntegerField(default=0)
    cache_write_1h_tokens = models.BigIntegerField(default=0)
    cache_read_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    thinking_tokens = models.BigIntegerField(default=0)
    web_searches = models.BigIntegerField(default=0)

    objects = RollupQuerySet.as_manager()

    class Meta:
        abstract = True


class HourlyUsage(UsageSums):
    """Its constraint is also the index for sums by hour and model, and has their order."""

    hour = models.DateTimeField(help_text="When it began, UTC.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "model", "agent", "session_id", "is_answered", "user"],
                name="hourly_usage_once",
            )
        ]
        indexes = [
            models.Index(fields=["user", "hour"]),
            models.Index(fields=["agent", "hour"]),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.agent_id} {self.model}"


class DailyUsage(UsageSums):
    """As `HourlyUsage`."""

    day = models.DateField(help_text="UTC.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "model", "agent", "session_id", "is_answered", "user"],
                name="daily_usage_once",
            )
        ]
        indexes = [
            models.Index(fields=["user", "day"]),
            models.Index(fields=["agent", "day"]),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.agent_id} {self.model}"


class DailyLatency(Rollup):
    """How many calls that were answered took how long, in the buckets of `metrics_app.histogram`.

    Its columns `first_byte_0` and `total_0` onwards are added below.
    """

    day = models.DateField(help_text="UTC.")

    objects = RollupQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "model", "agent", "user"], name="daily_latency_once"
            )
        ]
        indexes = [
            models.Index(fields=["user", "day"]),
            models.Index(fields=["agent", "day"]),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.agent_id} {self.model}"


FIRST_BYTE_COLUMNS = [f"first_byte_{bucket}" for bucket in range(BUCKETS)]
TOTAL_COLUMNS = [f"total_{bucket}" for bucket in range(BUCKETS)]
for _column in FIRST_BYTE_COLUMNS + TOTAL_COLUMNS:
    DailyLatency.add_to_class(_column, models.BigIntegerField(default=0))
