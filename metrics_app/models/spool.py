from collections.abc import Mapping

from django.db import models
from django.db.models import F


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


class LeftOut(models.TextChoices):
    """Why a line of the spool became no row."""

    TORN = "torn", "torn: its writer died in the middle of it"
    TOO_LONG = "too_long", "too long"
    NOT_JSON = "not_json", "no JSON object"
    VERSION = "version", "of an unknown version"
    MALFORMED = "malformed", "without an id, agent or time"
    UNKNOWN_AGENT = "unknown_agent", "of an agent that is not known here"
    REFUSED = "refused", "refused by the database"
    REPEATED = "repeated", "stored before"


class IngestCounterManager(models.Manager["IngestCounter"]):
    def add(self, node: str, left_out: Mapping[str, int]) -> None:
        """Two queries a reason; none where nothing was left out."""
        for reason, lines in left_out.items():
            if lines:
                counter, _ = self.get_or_create(node=node, reason=reason)
                self.filter(pk=counter.pk).update(lines=F("lines") + lines)


class IngestCounter(models.Model):
    """How many lines a node's ingest has left out, for good: the spool's files go one day."""

    node = models.CharField(max_length=100)
    reason = models.CharField(max_length=20, choices=LeftOut)
    lines = models.PositiveBigIntegerField(default=0)

    objects = IngestCounterManager()

    class Meta:
        ordering = ["node", "reason"]
        constraints = [
            models.UniqueConstraint(fields=["node", "reason"], name="ingest_counter_once")
        ]

    def __str__(self) -> str:
        return f"{self.node} {self.reason}: {self.lines}"
