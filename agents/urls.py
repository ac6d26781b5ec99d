from django.urls import path, register_converter
from django.urls.converters import StringConverter

from agents.views import (
    account,
    agents,
    approvals,
    audit,
    bulk,
    composer,
    config,
    exports,
    notifications,
    palette,
    security,
    session,
    sharing,
    transcript,
    workspaces,
)


class FileFormat(StringConverter):
    regex = "md|jsonl"


register_converter(FileFormat, "file_format")

urlpatterns = [
    path("", agents.agent_list, name="agent_list"),
    path("agents/new/", agents.agent_launch, name="agent_launch"),
    path("agents/stop/", bulk.agents_stop, name="agents_stop"),
    path("agents/<uuid:agent_id>/", transcript.agent_detail, name="agent_detail"),
    path("agents/<uuid:agent_id>/events/", transcript.agent_events, name="agent_events"),
    path("agents/<uuid:agent_id>/prompts/", composer.agent_send, name="agent_send"),
    path("agents/<uuid:agent_id>/interrupt/", agents.agent_interrupt, name="agent_interrupt"),
    path("agents/<uuid:agent_id>/stop/", agents.agent_stop, name="agent_stop"),
    path("agents/<uuid:agent_id>/resume/", agents.agent_resume, name="agent_resume"),
    path("agents/<uuid:agent_id>/delete/", agents.agent_delete, name="agent_delete"),
    path("agents/<uuid:agent_id>/edit-mode/", composer.agent_edit_mode, name="agent_edit_mode"),
    path("agents/<uuid:agent_id>/model/", composer.agent_model, name="agent_model"),
    path("agents/<uuid:agent_id>/effort/", composer.agent_effort, name="agent_effort"),
    path("agents/<uuid:agent_id>/plan-mode/", composer.agent_plan_mode, name="agent_plan_mode"),
    path("agents/<uuid:agent_id>/composer/", composer.agent_composer, name="agent_composer"),
    path(
        "agents/<uuid:agent_id>/prompts/<uuid:prompt_id>/remove/",
        composer.prompt_remove,
        name="prompt_remove",
    ),
    path("agents/<uuid:agent_id>/screenshots/", composer.screenshot_add, name="screenshot_add"),
    path(
        "agents/<uuid:agent_id>/screenshots/<uuid:screenshot_id>/",
        composer.screenshot_image,
        name="screenshot_image",
    ),
    path(
        "agents/<uuid:agent_id>/screenshots/<uuid:screenshot_id>/remove/",
        composer.screenshot_remove,
        name="screenshot_remove",
    ),
    path(
        "agents/<uuid:agent_id>/images/<int:seq>/<int:number>/",
        transcript.event_image,
        name="event_image",
    ),
    path("audit/", audit.audit_home, name="audit_home"),
    path("search/", transcript.line_search, name="line_search"),
    path(
        "agents/<uuid:agent_id>/approvals/<int:approval_id>/",
        approvals.approval_decide,
        name="approval_decide",
    ),
    path(
        "agents/<uuid:agent_id>/approvals/<int:approval_id>/input/",
        approvals.approval_input,
        name="approval_input",
    ),
    path("agents/<uuid:agent_id>/sharing/", sharing.agent_sharing, name="agent_sharing"),
    path(
        "agents/<uuid:agent_id>/sharing/<int:share_id>/withdraw/",
        sharing.share_withdraw,
        name="share_withdraw",
    ),
    path("agents/<uuid:agent_id>/security/", security.agent_security, name="agent_security"),
    path(
        "agents/<uuid:agent_id>/conversation.<file_format:file_format>",
        exports.agent_export,
        name="agent_export",
    ),
    path("session/", session.session_state, name="session_state"),
    path("palette/", palette.palette, name="palette"),
    path("workspaces/", workspaces.workspace_home, name="workspace_home"),
    path("workspaces/file/", workspaces.workspace_file, name="workspace_file"),
    path("workspaces/picture/", workspaces.workspace_picture, name="workspace_picture"),
    path("workspaces/download/", workspaces.workspace_download, name="workspace_download"),
    path("workspaces/browse/", workspaces.folder_picker, name="folder_picker"),
    path("sw.js", notifications.service_worker, name="service_worker"),
    path("notifications/", notifications.notification_list, name="notification_list"),
    path("notifications/read/", notifications.notifications_read, name="notifications_read"),
    path(
        "notifications/<int:notification_id>/",
        notifications.notification_open,
        name="notification_open",
    ),
    path("config/", config.config_home, name="config_home"),
    path("config/defaults/", config.defaults_save, name="defaults_save"),
    path("config/notifications/", config.choices_save, name="choices_save"),
    path("config/devices/", config.device_add, name="device_add"),
    path("config/devices/test/", config.device_test, name="device_test"),
    path("config/devices/<int:device_id>/remove/", config.device_remove, name="device_remove"),
    path("config/webhook/", config.webhook_save, name="webhook_save"),
    path("config/webhook/remove/", config.webhook_remove, name="webhook_remove"),
    path("config/webhook/test/", config.webhook_test, name="webhook_test"),
    path("config/key/", config.key_save, name="key_save"),
    path("config/key/remove/", config.key_remove, name="key_remove"),
    path("config/site/<slug:name>/", config.site_save, name="site_save"),
    path("config/site/<slug:name>/reset/", config.site_reset, name="site_reset"),
    path("account/", config.config_home, name="account_home"),
    path("account/tokens/", account.token_create, name="token_create"),
    path("account/tokens/<int:token_id>/revoke/", account.token_revoke, name="token_revoke"),
]
