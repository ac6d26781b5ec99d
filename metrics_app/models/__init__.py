from metrics_app.models.mails import CostMail, CostMailPreference, MailKind
from metrics_app.models.prices import PriceOverride
from metrics_app.models.rollups import DailyLatency, DailyUsage, HourlyUsage
from metrics_app.models.spool import SpoolCheckpoint
from metrics_app.models.turns import MessageNote, TranscriptCursor, TurnCost
from metrics_app.models.usage import CallKind, UsageRecord

__all__ = [
    "CallKind",
    "CostMail",
    "CostMailPreference",
    "DailyLatency",
    "DailyUsage",
    "HourlyUsage",
    "MailKind",
    "MessageNote",
    "PriceOverride",
    "SpoolCheckpoint",
    "TranscriptCursor",
    "TurnCost",
    "UsageRecord",
]
