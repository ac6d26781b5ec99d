"""Who changed a budget, what, and when: the administration's own log."""

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet

from metrics_app.models import Budget


def read_changes(budget: Budget) -> QuerySet[LogEntry]:
    """The newest first, with their users."""
    kind = ContentType.objects.get_for_model(Budget)
    entries = LogEntry.objects.filter(content_type=kind, object_id=str(budget.pk))
    return entries.select_related("user").order_by("-action_time", "-pk")
