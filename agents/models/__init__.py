from agents.models.agent import Agent, AgentSession, EditMode, Effort, LiveText, Status
from agents.models.approval import ApprovalRequest, Decision
from agents.models.audit import Act, AuditRecord
from agents.models.config import LaunchDefaults, OwnKey, SiteSetting, SiteSettingChange
from agents.models.event import EventText, SessionEvent
from agents.models.git import GitAction, GitJob, Worktree
from agents.models.image import EventImage, Screenshot
from agents.models.inspection import ContainerInspection
from agents.models.job import OPEN_STATES, Job, JobState
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
from agents.models.presence import AgentViewer
from agents.models.share import AgentShare, Level
from agents.models.token import ApiToken
from agents.models.workspace import WorkspaceRoot

__all__ = [
    "OPEN_STATES",
    "Act",
    "Agent",
    "AgentSession",
    "AgentShare",
    "AgentViewer",
    "ApiToken",
    "ApprovalRequest",
    "AuditRecord",
    "Channel",
    "ContainerInspection",
    "ControlRequest",
    "Decision",
    "Delivery",
    "Dispatch",
    "EditMode",
    "Effort",
    "EventImage",
    "EventText",
    "GitAction",
    "GitJob",
    "Job",
    "JobState",
    "Kind",
    "LaunchDefaults",
    "Level",
    "LiveText",
    "Notification",
    "NotificationChoice",
    "OwnKey",
    "Prompt",
    "PushSubscription",
    "Screenshot",
    "SessionEvent",
    "SiteSetting",
    "SiteSettingChange",
    "Status",
    "Webhook",
    "WorkspaceRoot",
    "Worktree",
]
