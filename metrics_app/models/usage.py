from django.conf import settings
from django.db import models

from agents.models import Agent, AgentSession
from metrics_app.querysets import UsageRecordQuerySet


class CallKind(models.TextChoices):
    MESSAGES = "messages", "messages"
    COUNT_TOKENS = "count_tokens", "count tokens"
    BATCHES = "batches", "batches"
    OTHER = "other", "other"


class UsageRecord(models.Model):
    """One HTTP attempt at the model API, as the gateway saw it.

    Written by the ingest only. `raw_usage` and `price_version` let a row be priced again. What the
    agent's own request said of itself (`claude_session_id`, `retry_count`) can be forged: it serves
    for correlation only. `turn` and the tools come from the transcript, later than the row.
    """

    attempt_id = models.UUIDField(unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="usage_records",
        db_index=False,
    )
    agent = models.ForeignKey(
        Agent, on_delete=models.PROTECT, related_name="usage_records", db_index=False
    )
    # Kept when the session's row goes with its agent: the sums are by session, and stay in step.
    session = models.ForeignKey(
        AgentSession,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        blank=True,
        related_name="usage_records",
        db_index=False,
    )
    started_at = models.DateTimeField()

    kind = models.CharField(max_length=12, choices=CallKind)
    method = models.CharField(max_length=10, blank=True)
    path = models.CharField(max_length=200, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    complete = models.BooleanField()
    error = models.CharField(max_length=500, blank=True)
    streamed = models.BooleanField()

    requested_model = models.CharField(max_length=200, blank=True)
    model = models.CharField(max_length=200, blank=True, help_text="The one that answered.")
    message_id = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=200, blank=True)
    claude_session_id = models.CharField(max_length=200, blank=True)
    retry_count = models.PositiveSmallIntegerField(default=0)

    input_tokens = models.PositiveBigIntegerField(default=0, help_text="Without the cache.")
    cache_write_5m_tokens = models.PositiveBigIntegerField(default=0)
    cache_write_1h_tokens = models.PositiveBigIntegerField(default=0)
    cache_read_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    uncounted_output_tokens = models.PositiveIntegerField(
        default=0,
        help_text="Part of the output: an estimate of what was written after the last count.",
    )
    thinking_tokens = models.PositiveBigIntegerField(default=0, help_text="Part of the output.")
    web_searches = models.PositiveBigIntegerField(default=0)
    service_tier = models.CharField(max_length=40, blank=True)
    speed = models.CharField(max_length=40, blank=True)
    inference_geo = models.CharField(max_length=40, blank=True)
    raw_usage = models.JSONField(null=True, blank=True)

    first_byte_ms = models.FloatField(null=True, blank=True)
    total_ms = models.FloatField(null=True, blank=True)

    cost_usd = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    is_estimated = models.BooleanField(default=False)
    is_unpriced = models.BooleanField(default=False, help_text="It costs, nobody knows how much.")
    is_override = models.BooleanField(default=False, help_text="Priced by an override.")
    price_version = models.CharField(max_length=100, blank=True)

    turn = models.PositiveIntegerField(null=True, blank=True, help_text="Within the session.")
    tool_name = models.CharField(
        max_length=200, blank=True, help_text="The first tool that the answer calls."
    )
    tool_use_id = models.CharField(max_length=100, blank=True)
    tool_calls = models.PositiveIntegerField(default=0, help_text="How many the answer makes.")
    parent_tool_use_id = models.CharField(
        max_length=100, blank=True, help_text="The tool call that a subagent worked for."
    )
    subagent = models.CharField(max_length=100, blank=True, help_text="Its type.")

    objects = UsageRecordQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at"]
        indexes = [
            models.Index(fields=["agent", "started_at"]),
            models.Index(fields=["user", "started_at"]),
            models.Index(fields=["started_at"]),
            models.Index(fields=["agent", "message_id"]),
            models.Index(fields=["session", "turn"]),
        ]

    def __str__(self) -> str:
        return f"{self.model or self.kind} {self.started_at:%Y-%m-%d %H:%M:%S}"
