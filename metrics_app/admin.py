from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from metrics_app.models import SpoolCheckpoint, UsageRecord

if TYPE_CHECKING:  # generic in the stubs only
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    """Rows that only the ingest writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin):
    list_display = [
        "started_at",
        "user",
        "agent",
        "kind",
        "model",
        "status",
        "complete",
        "input_tokens",
        "cache_read_tokens",
        "output_tokens",
        "cost_usd",
        "is_estimated",
        "is_unpriced",
        "total_ms",
    ]
    list_filter = ["kind", "complete", "is_estimated", "is_unpriced", "status", "model"]
    list_select_related = ["user", "agent"]
    search_fields = ["user__username", "agent__name", "model", "=message_id", "=request_id"]
    search_help_text = "User, agent, model, message id or request id"
    date_hierarchy = "started_at"
    show_full_result_count = False


@admin.register(SpoolCheckpoint)
class SpoolCheckpointAdmin(ReadOnlyAdmin):
    list_display = ["name", "node", "offset", "lines", "bad_lines", "updated_at"]
    list_filter = ["node"]
    search_fields = ["name"]
