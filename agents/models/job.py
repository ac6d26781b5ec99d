import uuid

from django.db import models


class JobState(models.TextChoices):
    ARRIVING = "arriving", "arriving"
    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    DONE = "done", "done"
    FAILED = "failed", "failed"


OPEN_STATES = (JobState.ARRIVING, JobState.QUEUED, JobState.RUNNING)


class Job(models.Model):
    """What a user asked for, a worker does once, and the page that asked reads the result of."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=10, choices=JobState, default=JobState.QUEUED)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        ordering = ["-created_at"]

    @property
    def is_over(self) -> bool:
        return self.state not in OPEN_STATES
