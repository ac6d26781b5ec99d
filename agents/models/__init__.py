from agents.models.agent import Agent, AgentSession, EditMode, LiveText, Status
from agents.models.approval import ApprovalRequest, Decision
from agents.models.event import SessionEvent
from agents.models.inspection import ContainerInspection
from agents.models.outbox import ControlRequest, Delivery, Prompt
from agents.models.token import ApiToken
from agents.models.workspace import WorkspaceRoot

__all__ = [
    "Agent",
    "AgentSession",
    "ApiToken",
    "ApprovalRequest",
    "ContainerInspection",
    "ControlRequest",
    "Decision",
    "Delivery",
    "EditMode",
    "LiveText",
    "Prompt",
    "SessionEvent",
    "Status",
    "WorkspaceRoot",
]
