"""Agents, spool lines and rows for the tests of usage and cost."""

import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from agents.models import Agent
from metrics_app.models import Budget, CostMailPreference, UsageRecord
from metrics_app.rollups import RollupChange

OPUS = "claude-opus-5-5"
STARTED = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
CHECK_USAGE = {
    "input_tokens": 1200,
    "cache_creation_input_tokens": 300,
    "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
    "cache_read_input_tokens": 5000,
    "output_tokens": 77,
}


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """What long jobs slept, in seconds; here they do not."""
    slept = []
    monkeypatch.setattr("metrics_app.rollups.time", SimpleNamespace(sleep=slept.append))
    return slept


@pytest.fixture
def make_agent(db):
    def make(owner, name="fixer", **fields):
        defaults = {"workspace": "/srv/code", "model": OPUS, "node": "local"}
        return Agent.objects.create(owner=owner, name=name, **(defaults | fields))

    return make


@pytest.fixture
def agent(alice, make_agent):
    return make_agent(alice)


@pytest.fixture
def make_line():
    """A spool line as a dict; keywords replace its fields."""

    def make(agent_id=None, **fields):
        return {
            "version": 1,
            "id": str(uuid.uuid4()),
            "agent_id": str(agent_id or uuid.uuid4()),
            "started_at": STARTED.isoformat(timespec="microseconds"),
            "method": "POST",
            "path": "/v1/messages",
            "kind": "messages",
            "status": 200,
            "complete": True,
            "error": None,
            "streamed": True,
            "requested_model": OPUS,
            "model": OPUS,
            "message_id": "msg_1",
            "request_id": "req_1",
            "claude_session_id": None,
            "retry_count": 0,
            "usage": CHECK_USAGE,
            "first_byte_ms": 12.3,
            "total_ms": 456.7,
        } | fields

    return make


@pytest.fixture
def spool(settings, tmp_path):
    """Writes lines (dicts, or bytes as they are) to a file of the spool folder and returns its path."""
    settings.CAM_METRICS_DIR = tmp_path
    settings.CAM_SPOOL_KEEP_DAYS = 30

    def append(*lines, name="usage-1.jsonl"):
        path = tmp_path / name
        with path.open("ab") as file:
            for line in lines:
                file.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
        return path

    return append


@pytest.fixture
def make_record(db):
    def make(agent, **fields):
        defaults = {
            "attempt_id": uuid.uuid4(),
            "user": agent.owner,
            "started_at": STARTED,
            "kind": "messages",
            "status": 200,
            "complete": True,
            "streamed": True,
            "model": OPUS,
            "cost_usd": Decimal("0.00914"),
            "input_tokens": 1200,
            "output_tokens": 77,
        }
        record = UsageRecord.objects.create(agent=agent, **(defaults | fields))
        sums = RollupChange()
        sums.add(record)
        sums.write()
        return record

    return make


@pytest.fixture
def queue(monkeypatch, django_capture_on_commit_callbacks):
    """The tasks of mails that reached the broker, as mail ids; `with queue.committed():` around what sends."""

    class Queue(list):
        @staticmethod
        def committed():
            return django_capture_on_commit_callbacks(execute=True)

    sent = Queue()
    monkeypatch.setattr(
        "agents.services.queue.current_app.send_task",
        lambda name, args: sent.append(args[0]) if name.endswith("cost_mail") else None,
    )
    return sent


@pytest.fixture
def wants(db):
    """Has users ask for mails: both kinds, or those that the keywords say."""

    def choose(*users, **wishes):
        for user in users:
            CostMailPreference.objects.update_or_create(
                user=user, defaults=wishes or {"monthly_report": True, "budget_alerts": True}
            )

    return choose


@pytest.fixture
def clock(monkeypatch):
    """Sets what time the portal believes it is; `STARTED` at first."""

    def set_to(moment):
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)

    set_to(STARTED)
    return set_to


@pytest.fixture
def make_budget(db):
    """A budget by its target: a user, a folder's path, or nothing for everyone's."""

    def make(target=None, *, limit_usd="10", period="month", **fields):
        scope = "everyone" if target is None else "workspace" if isinstance(target, str) else "user"
        return Budget.objects.create(
            scope=scope,
            user=target if scope == "user" else None,
            workspace=target if scope == "workspace" else "",
            period=period,
            limit_usd=Decimal(limit_usd),
            **fields,
        )

    return make
