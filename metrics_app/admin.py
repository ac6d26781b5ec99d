from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from metrics_app.models import (
    Budget,
    BudgetAlert,
    BudgetTopUp,
    CostMail,
    CostMailPreference,
    EgressHost,
    IngestCounter,
    MessageNote,
    PriceOverride,
    SpoolCheckpoint,
    SubagentStart,
    TranscriptCursor,
    TurnCost,
    UsageRecord,
)
from metrics_app.querysets import UsageRecordQuerySet
from metrics_app.repricing import reprice

if TYPE_CHECKING:  # generic in the stubs only
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    """Rows that only the bridge writes."""

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
        "is_override",
        "turn",
        "tool_name",
        "subagent",
        "total_ms",
    ]
    list_filter = [
        "kind",
        "complete",
        "is_estimated",
        "is_unpriced",
        "is_override",
        "status",
        "model",
    ]
    list_select_related = ["user", "agent"]
    search_fields = ["user__username", "agent__name", "model", "=message_id", "=request_id"]
    search_help_text = "User, agent, model, message id or request id"
    date_hierarchy = "started_at"
    show_full_result_count = False
    actions = ["price_again"]

    def has_price_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("metrics_app.change_usagerecord")

    @admin.action(
        description="Price the selected calls again, by today's prices", permissions=["price"]
    )
    def price_again(self, request: HttpRequest, queryset: UsageRecordQuerySet) -> None:
        chosen = UsageRecord.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))
        changes = reprice(chosen)
        for model, change in sorted(changes.items()):
            told = (
                f"{model}: {change.rows} calls, {change.old_usd} USD are now {change.new_usd} USD."
            )
            self.message_user(request, told, messages.SUCCESS)
        if not changes:
            self.message_user(request, "No price changes.")


@admin.register(SpoolCheckpoint)
class SpoolCheckpointAdmin(ReadOnlyAdmin):
    list_display = ["name", "node", "offset", "lines", "bad_lines", "updated_at"]
    list_filter = ["node"]
    search_fields = ["name"]
    actions = ["read_again"]

    def has_ingest_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("metrics_app.change_spoolcheckpoint")

    @admin.action(
        description="Read the selected files again from their beginning", permissions=["ingest"]
    )
    def read_again(self, request: HttpRequest, queryset: QuerySet[SpoolCheckpoint]) -> None:
        """What is stored already is left out by the ingest, so nothing counts twice."""
        files = queryset.update(offset=0)
        told = f"The bridge reads again: {files} files. Calls that are stored count once."
        self.message_user(request, told, messages.SUCCESS)


@admin.register(IngestCounter)
class IngestCounterAdmin(ReadOnlyAdmin):
    list_display = ["node", "reason", "lines"]
    list_filter = ["node"]


@admin.register(PriceOverride)
class PriceOverrideAdmin(ModelAdmin):
    list_display = [
        "pattern",
        "starts_at",
        "input_price",
        "output_price",
        "cache_write_5m_price",
        "cache_write_1h_price",
        "cache_read_price",
        "multiplier",
        "note",
    ]
    list_filter = ["starts_at"]
    search_fields = ["pattern", "note"]
    fieldsets = [
        (
            None,
            {
                "fields": ["pattern", "starts_at", "note"],
                "description": "Holds for calls that come in from now on. Those that are stored "
                "change with: manage.py reprice --from DAY --to DAY",
            },
        ),
        (
            "USD per million tokens",
            {
                "fields": [
                    "input_price",
                    "output_price",
                    "cache_write_5m_price",
                    "cache_write_1h_price",
                    "cache_read_price",
                    "multiplier",
                ]
            },
        ),
    ]


@admin.register(TurnCost)
class TurnCostAdmin(ReadOnlyAdmin):
    list_display = [
        "ended_at",
        "agent",
        "turn",
        "our_cost_usd",
        "cli_cost_usd",
        "difference_usd",
        "is_flagged",
        "reason",
    ]
    list_filter = ["is_flagged"]
    list_select_related = ["agent"]
    search_fields = ["agent__name", "agent__owner__username"]
    search_help_text = "Agent or its owner"
    date_hierarchy = "ended_at"
    show_full_result_count = False


@admin.register(TranscriptCursor)
class TranscriptCursorAdmin(ReadOnlyAdmin):
    list_display = ["agent", "seq"]
    list_select_related = ["agent"]
    search_fields = ["agent__name"]


@admin.register(MessageNote)
class MessageNoteAdmin(ReadOnlyAdmin):
    list_display = ["message_id", "agent", "turn", "tool_name", "tool_calls", "created_at"]
    list_select_related = ["agent"]
    search_fields = ["=message_id", "agent__name"]


@admin.register(CostMail)
class CostMailAdmin(ReadOnlyAdmin):
    list_display = [
        "created_at",
        "user",
        "kind",
        "title",
        "sent_at",
        "address",
        "attempts",
        "error",
    ]
    list_filter = ["kind"]
    list_select_related = ["user"]
    search_fields = ["user__username", "title", "=address"]
    date_hierarchy = "created_at"


@admin.register(CostMailPreference)
class CostMailPreferenceAdmin(ModelAdmin):
    list_display = ["user", "monthly_report", "budget_alerts"]
    list_filter = ["monthly_report", "budget_alerts"]
    list_select_related = ["user"]
    search_fields = ["user__username"]


@admin.register(Budget)
class BudgetAdmin(ReadOnlyAdmin):
    """Changed on the pages of costs, where each change is logged and told to the gateway."""

    list_display = [
        *("__str__", "scope", "user", "workspace", "period", "limit_usd", "is_active", "raise_it"),
    ]
    list_filter = ["scope", "period", "is_active"]
    list_select_related = ["user"]
    search_fields = ["user__username", "workspace", "note"]

    @admin.display(description="raise")
    def raise_it(self, budget: Budget) -> str:
        return format_html(
            '<a href="{}#top-up-heading">Top up or raise…</a>', budget.get_absolute_url()
        )


@admin.register(BudgetTopUp)
class BudgetTopUpAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "budget", "period_start", "amount_usd", "by", "note"]
    list_select_related = ["budget__user", "by"]
    search_fields = ["budget__user__username", "budget__workspace", "note"]


@admin.register(BudgetAlert)
class BudgetAlertAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "budget", "period_start", "threshold", "spent_usd", "limit_usd"]
    list_filter = ["threshold"]
    list_select_related = ["budget__user"]
    search_fields = ["budget__user__username", "budget__workspace"]


@admin.register(SubagentStart)
class SubagentStartAdmin(ReadOnlyAdmin):
    list_display = ["tool_use_id", "agent", "subagent"]
    list_select_related = ["agent"]
    search_fields = ["agent__name", "subagent"]


@admin.register(EgressHost)
class EgressHostAdmin(ReadOnlyAdmin):
    list_display = ["host", "agent", "verdict", "attempts", "failures", "last_at"]
    list_filter = ["verdict"]
    list_select_related = ["agent"]
    search_fields = ["host", "=agent__id"]
