from django.db import models


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
