from django.db import models

from agents.models import Agent, AgentSession
from metrics_app.querysets import TurnCostQuerySet


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
    subagent = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["agent", "message_id"]),
            models.Index(fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return self.message_id


class SubagentStart(models.Model):
    """A tool call that started a subagent, whose messages name the call and not the type."""

    agent = models.ForeignKey(
        Agent, on_delete=models.CASCADE, related_name="subagent_starts", db_index=False
    )
    tool_use_id = models.CharField(max_length=100)
    subagent = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "tool_use_id"], name="subagent_start_once")
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.tool_use_id}: {self.subagent}"


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

    objects = TurnCostQuerySet.as_manager()

    class Meta:
        ordering = ["-ended_at"]
        constraints = [
            models.UniqueConstraint(fields=["agent", "result_seq"], name="turn_cost_once"),
            models.UniqueConstraint(fields=["session", "turn"], name="turn_once"),
        ]
        indexes = [models.Index(fields=["ended_at"])]

    def __str__(self) -> str:
        return f"{self.agent_id} turn {self.turn}"
