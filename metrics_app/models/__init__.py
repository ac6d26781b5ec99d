from metrics_app.models.budgets import Budget, BudgetAlert, BudgetPeriod, BudgetTopUp, Scope
from metrics_app.models.egress import EgressCheckpoint, EgressHost, Verdict
from metrics_app.models.mails import CostMail, CostMailPreference, MailKind
from metrics_app.models.prices import PriceOverride
from metrics_app.models.rollups import (
    DailySpending,
    DailyTotal,
    DailyUsage,
    DayVersion,
    HourlyUsage,
)
from metrics_app.models.spool import IngestCounter, LeftOut, SpoolCheckpoint
from metrics_app.models.turns import MessageNote, SubagentStart, TranscriptCursor, TurnCost
from metrics_app.models.usage import CallKind, UsageRecord

__all__ = [
    "Budget",
    "BudgetAlert",
    "BudgetPeriod",
    "BudgetTopUp",
    "CallKind",
    "CostMail",
    "CostMailPreference",
    "DailySpending",
    "DailyTotal",
    "DailyUsage",
    "DayVersion",
    "EgressCheckpoint",
    "EgressHost",
    "HourlyUsage",
    "IngestCounter",
    "LeftOut",
    "MailKind",
    "MessageNote",
    "PriceOverride",
    "Scope",
    "SpoolCheckpoint",
    "SubagentStart",
    "TranscriptCursor",
    "TurnCost",
    "UsageRecord",
    "Verdict",
]
