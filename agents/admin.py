"""The site's administrators look; what agents are and do is changed by services only."""

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from agents import site_settings
from agents.errors import NotRunning
from agents.models import (
    Agent,
    AgentSession,
    AgentShare,
    AgentViewer,
    ApiToken,
    ApprovalRequest,
    AuditRecord,
    ContainerInspection,
    ControlRequest,
    Dispatch,
    EventImage,
    EventText,
    GitJob,
    LaunchDefaults,
    LiveText,
    Notification,
    NotificationChoice,
    OwnKey,
    Prompt,
    PushSubscription,
    Screenshot,
    SessionEvent,
    SiteSetting,
    SiteSettingChange,
    Webhook,
    WorkspaceRoot,
    Worktree,
)
from agents.services import stop_agent

MAX_CELL_CHARACTERS = 80


def cut(text: str) -> str:
    """One line of a table."""
    line = " ".join(text[: 2 * MAX_CELL_CHARACTERS].split())
    return line if len(line) <= MAX_CELL_CHARACTERS else line[: MAX_CELL_CHARACTERS - 1] + "…"


def acting_user(request: HttpRequest) -> User:
    return User.objects.get(username=request.user.get_username())


class PortalAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_per_page = 50
    # Counting every row again for "of N in total" is slow on the big tables.
    show_full_result_count = False


class ReadOnlyAdmin(PortalAdmin):
    """Rows that only the portal writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Model | None = None,  # noqa: ARG002
    ) -> bool:
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: Model | None = None,  # noqa: ARG002
    ) -> bool:
        return False


@admin.register(Agent)
class AgentAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "owner",
        "status",
        "model",
        "edit_mode",
        "node",
        "last_event_at",
        "created_at",
        "deleted_at",
    )
    list_filter = (
        "status",
        "edit_mode",
        "node",
        ("deleted_at", admin.EmptyFieldListFilter),
        ("owner", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("owner",)
    search_fields = ("name", "workspace", "owner__username", "=id")
    date_hierarchy = "created_at"
    actions = ("stop", "drain", "end_drain")

    def has_drain_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("agents.change_sitesetting")

    @admin.action(description="Drain the site: start no agent any more", permissions=["drain"])
    def drain(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:  # noqa: ARG002
        self._set_draining(request, "true", "No agent is started any more; running ones go on.")

    @admin.action(description="End the drain: start agents again", permissions=["drain"])
    def end_drain(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:  # noqa: ARG002
        self._set_draining(request, "false", "Agents are started again.")

    def _set_draining(self, request: HttpRequest, raw: str, done: str) -> None:
        site_settings.change("CAM_DRAINING", raw, user=acting_user(request))
        self.message_user(request, done, messages.SUCCESS)

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("agents.change_agent")

    @admin.action(description="Stop the selected agents", permissions=["stop"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        stopped = 0
        by = acting_user(request)
        for agent in queryset.select_related("owner"):
            try:
                stop_agent(agent, by=by)
            except NotRunning as exc:
                self.message_user(request, f"{agent}: {exc}", messages.WARNING)
            else:
                stopped += 1
        if stopped:
            self.message_user(request, f"Stopping: {stopped}.", messages.SUCCESS)


@admin.register(AgentSession)
class AgentSessionAdmin(ReadOnlyAdmin):
    list_display = (
        "agent",
        "number",
        "short_container_id",
        "created_at",
        "ended_at",
        "exit_code",
        "short_exit_reason",
    )
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "exit_code")
    list_select_related = ("agent",)
    search_fields = ("agent__name", "=agent__id", "container_id")
    date_hierarchy = "created_at"

    @admin.display(description="container")
    def short_container_id(self, session: AgentSession) -> str:
        return session.container_id[:12]

    @admin.display(description="exit reason")
    def short_exit_reason(self, session: AgentSession) -> str:
        return cut(session.exit_reason)


@admin.register(AgentShare)
class AgentShareAdmin(ReadOnlyAdmin):
    list_display = ("agent", "user", "group", "level", "created_by", "created_at")
    list_filter = ("level", "group")
    list_select_related = ("agent", "user", "group", "created_by")
    search_fields = ("agent__name", "user__username", "group__name")


@admin.register(ContainerInspection)
class ContainerInspectionAdmin(ReadOnlyAdmin):
    list_display = ("agent", "session", "inspected_at")
    list_select_related = ("agent", "session__agent")
    search_fields = ("=agent__id",)


@admin.register(SessionEvent)
class SessionEventAdmin(ReadOnlyAdmin):
    """By far the biggest table: neither filter nor date hierarchy, which would read all of it."""

    list_display = ("agent", "seq", "kind", "session", "created_at")
    list_select_related = ("agent", "session")
    search_fields = ("=agent__id",)
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SessionEvent]:
        """Leave payloads, which may be megabytes, to the page of one event."""
        queryset: QuerySet[SessionEvent] = super().get_queryset(request)
        return queryset.defer("payload")


@admin.register(Prompt)
class PromptAdmin(ReadOnlyAdmin):
    list_display = ("short_text", "agent", "author", "source", "delivery", "created_at", "sent_at")
    list_filter = ("delivery", "source", ("author", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("agent", "author")
    search_fields = ("text", "agent__name", "=agent__id", "author__username")
    date_hierarchy = "created_at"

    @admin.display(description="text")
    def short_text(self, prompt: Prompt) -> str:
        return cut(prompt.text)


@admin.register(ControlRequest)
class ControlRequestAdmin(ReadOnlyAdmin):
    list_display = ("kind", "agent", "session", "delivery", "short_error", "created_at", "sent_at")
    list_filter = ("kind", "delivery")
    list_select_related = ("session__agent",)
    search_fields = ("session__agent__name", "=session__agent__id")
    date_hierarchy = "created_at"

    @admin.display(description="agent")
    def agent(self, request: ControlRequest) -> Agent:
        return request.session.agent

    @admin.display(description="error")
    def short_error(self, request: ControlRequest) -> str:
        return cut(request.error)


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(ReadOnlyAdmin):
    """The audit trail: who let an agent do what."""

    list_display = ("tool_name", "agent", "decision", "decided_by", "created_at", "decided_at")
    list_filter = (
        "decision",
        "tool_name",
        ("decided_by", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("agent", "decided_by")
    search_fields = ("tool_name", "agent__name", "=agent__id", "decided_by__username")
    date_hierarchy = "created_at"


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Deleting a token revokes it. Its secret was shown once; its hash is nobody's business."""

    list_display = ("name", "user", "hint", "created_at", "last_used_at")
    list_filter = (("last_used_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    search_fields = ("name", "user__username", "hint")
    date_hierarchy = "created_at"
    fields = ("name", "user", "hint", "created_at", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return PortalAdmin.has_delete_permission(self, request, obj)


@admin.register(WorkspaceRoot)
class WorkspaceRootAdmin(PortalAdmin):
    list_display = ("path", "for_everyone", "user_names", "group_names")
    list_filter = ("for_everyone", "groups")
    search_fields = ("path", "users__username", "groups__name")
    autocomplete_fields = ("users", "groups")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkspaceRoot]:
        queryset: QuerySet[WorkspaceRoot] = super().get_queryset(request)
        return queryset.prefetch_related("users", "groups")

    @admin.display(description="groups")
    def group_names(self, root: WorkspaceRoot) -> str:
        return ", ".join(group.name for group in root.groups.all())

    @admin.display(description="users")
    def user_names(self, root: WorkspaceRoot) -> str:
        return ", ".join(user.get_username() for user in root.users.all())


@admin.register(LiveText)
class LiveTextAdmin(ReadOnlyAdmin):
    list_display = ("agent", "short_text")
    list_select_related = ("agent",)

    @admin.display(description="text")
    def short_text(self, live: LiveText) -> str:
        return cut(live.text)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("agent", "user", "kind", "created_at", "read_at")
    list_filter = ("kind",)
    list_select_related = ("agent", "user")


@admin.register(NotificationChoice)
class NotificationChoiceAdmin(ReadOnlyAdmin):
    list_display = ("user", "kind", "channel")
    list_select_related = ("user",)


@admin.register(PushSubscription)
class PushSubscriptionAdmin(ReadOnlyAdmin):
    """Who knows the endpoint and the keys can send pushes: they are not shown."""

    list_display = ("user", "device", "created_at", "last_sent_at")
    list_select_related = ("user",)
    exclude = ("endpoint", "p256dh", "auth")


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = ("user", "changed_at")
    list_select_related = ("user",)
    fields = ("user", "changed_at")


@admin.register(Dispatch)
class DispatchAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "user", "channel", "attempts", "sent_at", "answer")
    list_filter = ("channel",)
    list_select_related = ("user", "notification__agent")


@admin.register(LaunchDefaults)
class LaunchDefaultsAdmin(ReadOnlyAdmin):
    list_display = ("user", "model", "edit_mode")
    list_select_related = ("user",)


@admin.register(OwnKey)
class OwnKeyAdmin(ReadOnlyAdmin):
    """Who pays by a key of their own; the key itself is nowhere."""

    list_display = ("user", "hint", "set_at")
    list_select_related = ("user",)


@admin.register(SiteSetting)
class SiteSettingAdmin(ReadOnlyAdmin):
    """What overrides `.env`; the Config page changes it."""

    list_display = ("name", "value")


@admin.register(SiteSettingChange)
class SiteSettingChangeAdmin(ReadOnlyAdmin):
    list_display = ("changed_at", "name", "changed_by", "before", "after", "is_reset")
    list_filter = ("name",)
    list_select_related = ("changed_by",)


@admin.register(EventImage)
class EventImageAdmin(ReadOnlyAdmin):
    list_display = ("agent", "event_id", "number", "media_type")
    list_select_related = ("agent",)
    exclude = ("data",)


@admin.register(Screenshot)
class ScreenshotAdmin(ReadOnlyAdmin):
    list_display = ("agent", "author", "media_type", "width", "height", "created_at")
    list_select_related = ("agent", "author")
    exclude = ("data",)


@admin.register(EventText)
class EventTextAdmin(ReadOnlyAdmin):
    list_display = ("agent", "event_id", "start")
    list_select_related = ("agent",)

    @admin.display
    def start(self, text: EventText) -> str:
        return cut(text.text)


@admin.register(AgentViewer)
class AgentViewerAdmin(ReadOnlyAdmin):
    list_display = ("agent", "user", "seen_at")
    list_select_related = ("agent", "user")


@admin.register(Worktree)
class WorktreeAdmin(ReadOnlyAdmin):
    list_display = ("branch", "repository", "agent", "created_at", "removed_at")
    list_filter = (("removed_at", admin.EmptyFieldListFilter),)
    list_select_related = ("agent",)
    search_fields = ("branch", "repository")


@admin.register(GitJob)
class GitJobAdmin(ReadOnlyAdmin):
    list_display = ("action", "folder", "user", "state", "created_at", "finished_at")
    list_filter = ("action", "state")
    list_select_related = ("user",)
    exclude = ("output",)


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "user", "act", "agent", "detail")
    list_filter = ("act",)
    list_select_related = ("user", "agent")
    search_fields = ("user__username", "agent__name", "detail")
    date_hierarchy = "created_at"
