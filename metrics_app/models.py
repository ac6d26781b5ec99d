from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
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
    session = models.ForeignKey(
        AgentSession,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="usage_records",
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


class SpoolCheckpoint(models.Model):
    """How far a node's spool file is read, moved in the transaction that stores its rows."""

    node = models.CharField(max_length=100)
    name = models.CharField(max_length=255)
    identity = models.CharField(
        max_length=60, help_text="Device and inode: another file of the same name starts anew."
    )
    offset = models.PositiveBigIntegerField(default=0, help_text="In bytes.")
    lines = models.PositiveBigIntegerField(default=0)
    bad_lines = models.PositiveBigIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["node", "name"]
        constraints = [models.UniqueConstraint(fields=["node", "name"], name="checkpoint_once")]

    def __str__(self) -> str:
        return f"{self.node} {self.name}: {self.offset}"


def _price_field(help_text: str = "") -> "models.DecimalField[Decimal, Decimal]":
    return models.DecimalField(
        max_digits=11,
        decimal_places=6,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(10_000))],
        help_text=help_text,
    )


class PriceOverride(models.Model):
    """A site's own prices, in USD per million tokens. They go before the price list."""

    pattern = models.CharField(
        max_length=100,
        validators=[
            RegexValidator(
                r"\A[A-Za-z0-9._:@/\[\]*-]+\Z", "Letters, digits, . _ : @ / [ ] - and * only."
            )
        ],
        help_text="The answering model; * stands for any characters, as in claude-opus-*.",
    )
    starts_at = models.DateTimeField(
        help_text="The first call it holds for. The newest start wins, then the longest pattern."
    )
    input_price = _price_field("Without the cache.")
    output_price = _price_field()
    cache_write_5m_price = _price_field()
    cache_write_1h_price = _price_field()
    cache_read_price = _price_field()
    multiplier = models.DecimalField(
        max_digits=9,
        decimal_places=6,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal("0.000001")), MaxValueValidator(Decimal(100))],
        help_text="The five prices are multiplied by it: 0.9 is a discount of 10 %.",
    )
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-starts_at", "pattern"]
        constraints = [
            models.UniqueConstraint(fields=["pattern", "starts_at"], name="override_once"),
            models.CheckConstraint(
                condition=models.Q(
                    input_price__gte=0,
                    output_price__gte=0,
                    cache_write_5m_price__gte=0,
                    cache_write_1h_price__gte=0,
                    cache_read_price__gte=0,
                    multiplier__gt=0,
                ),
                name="override_not_negative",
                violation_error_message="Prices are not negative, and the multiplier is above 0.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pattern} since {self.starts_at:%Y-%m-%d %H:%M}"

    def clean(self) -> None:
        self.pattern = self.pattern.strip().lower()


class TranscriptCursor(models.Model):
    """How far an agent's transcript is read for its costs."""

    agent = models.OneToOneField(
        Agent, on_delete=models.CASCADE, primary_key=True, related_name="transcript_cursor"
    )
    seq = models.PositiveBigIntegerField(default=0, help_text="The last event that is read.")

    def __str__(self) -> str:
        return f"{self.agent_id}: {self.seq}"


class MessageNote(models.Model):
    """What the transcript says of an answered message, until it is written to the message's call.

    A message whose lines are read in several portions has several, to be added up.
    """

    agent = models.ForeignKey(
        Agent, on_delete=models.CASCADE, related_name="message_notes", db_index=False
    )
    session = models.ForeignKey(AgentSession, on_delete=models.CASCADE, related_name="+")
    message_id = models.CharField(max_length=200)
    turn = models.PositiveIntegerField()
    tool_name = models.CharField(max_length=200, blank=True)
    tool_use_id = models.CharField(max_length=100, blank=True)
    tool_calls = models.PositiveIntegerField(default=0)
    parent_tool_use_id = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["agent", "message_id"]),
            models.Index(fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return self.message_id


class TurnCost(models.Model):
    """What a turn cost by our rows, beside the CLI's own figure. Written by the bridge only."""

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="turn_costs")
    session = models.ForeignKey(
        AgentSession, on_delete=models.CASCADE, related_name="turn_costs", db_index=False
    )
    turn = models.PositiveIntegerField(help_text="Within the session.")
    result_seq = models.PositiveBigIntegerField(help_text="The event that ended the turn.")
    started_at = models.DateTimeField(
        null=True, blank=True, help_text="When the turn before it ended; empty for a first one."
    )
    ended_at = models.DateTimeField()
    cli_cost_usd = models.DecimalField(
        max_digits=20, decimal_places=10, null=True, blank=True, help_text="Empty: it gave none."
    )
    cli_total_usd = models.DecimalField(
        max_digits=20, decimal_places=10, help_text="The CLI's running total of the session."
    )
    our_cost_usd = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    difference_usd = models.DecimalField(
        max_digits=20, decimal_places=10, null=True, blank=True, help_text="Ours less the CLI's."
    )
    is_flagged = models.BooleanField(default=False, help_text="The two do not agree.")
    reason = models.CharField(max_length=300, blank=True)
    due_at = models.DateTimeField(
        null=True, blank=True, db_index=True, help_text="When it is compared next."
    )

    class Meta:
        ordering = ["-ended_at"]
        constraints = [
            models.UniqueConstraint(fields=["agent", "result_seq"], name="turn_cost_once"),
            models.UniqueConstraint(fields=["session", "turn"], name="turn_once"),
        ]
        indexes = [models.Index(fields=["ended_at"])]

    def __str__(self) -> str:
        return f"{self.agent_id} turn {self.turn}"
