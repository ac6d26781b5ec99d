from django.urls import path, register_converter
from django.urls.converters import StringConverter

from agents.views import account, agents, approvals, exports, palette, security, session, workspaces


class FileFormat(StringConverter):
    regex = "md|jsonl"


register_converter(FileFormat, "file_format")

urlpatterns = [
    path("", agents.agent_list, name="agent_list"),
    path("agents/new/", agents.agent_launch, name="agent_launch"),
    path("agents/<uuid:agent_id>/", agents.agent_detail, name="agent_detail"),
    path("agents/<uuid:agent_id>/events/", agents.agent_events, name="agent_events"),
    path("agents/<uuid:agent_id>/prompts/", agents.agent_send, name="agent_send"),
    path("agents/<uuid:agent_id>/interrupt/", agents.agent_interrupt, name="agent_interrupt"),
    path("agents/<uuid:agent_id>/stop/", agents.agent_stop, name="agent_stop"),
    path("agents/<uuid:agent_id>/resume/", agents.agent_resume, name="agent_resume"),
    path("agents/<uuid:agent_id>/delete/", agents.agent_delete, name="agent_delete"),
    path("agents/<uuid:agent_id>/edit-mode/", agents.agent_edit_mode, name="agent_edit_mode"),
    path("agents/<uuid:agent_id>/model/", agents.agent_model, name="agent_model"),
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
    path("agents/<uuid:agent_id>/security/", security.agent_security, name="agent_security"),
    path(
        "agents/<uuid:agent_id>/conversation.<file_format:file_format>",
        exports.agent_export,
        name="agent_export",
    ),
    path("session/", session.session_state, name="session_state"),
    path("palette/", palette.palette, name="palette"),
    path("workspaces/browse/", workspaces.folder_picker, name="folder_picker"),
    path("account/", account.account_home, name="account_home"),
    path("account/tokens/", account.token_create, name="token_create"),
    path("account/tokens/<int:token_id>/revoke/", account.token_revoke, name="token_revoke"),
]
