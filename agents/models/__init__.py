from agents.models.agent import Agent, AgentSession, EditMode, LiveText, Status
from agents.models.approval import ApprovalRequest, Decision
from agents.models.config import LaunchDefaults, OwnKey, SiteSetting, SiteSettingChange
from agents.models.event import SessionEvent
from agents.models.inspection import ContainerInspection
from agents.models.notification import (
    Channel,
    Dispatch,
    Kind,
    Notification,
    NotificationChoice,
    PushSubscription,
    Webhook,
)
from agents.models.outbox import ControlRequest, Delivery, Prompt
from agents.models.share import AgentShare, Level
from agents.models.token import ApiToken
from agents.models.workspace import WorkspaceRoot

__all__ = [
    "Agent",
    "AgentSession",
    "AgentShare",
    "ApiToken",
    "ApprovalRequest",
    "Channel",
    "ContainerInspection",
    "ControlRequest",
    "Decision",
    "Delivery",
    "Dispatch",
    "EditMode",
    "Kind",
    "LaunchDefaults",
    "Level",
    "LiveText",
    "Notification",
    "NotificationChoice",
    "OwnKey",
    "Prompt",
    "PushSubscription",
    "SessionEvent",
    "SiteSetting",
    "SiteSettingChange",
    "Status",
    "Webhook",
    "WorkspaceRoot",
]
