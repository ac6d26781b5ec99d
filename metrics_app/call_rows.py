"""From a line of the spool to a row of the ledger: whose call it is, in which session, at what price."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from agents.models import Agent, AgentSession
from metrics_app.attempts import assess
from metrics_app.models import UsageRecord
from metrics_app.overrides import load_overrides
from metrics_app.pricing import Override
from metrics_app.spool import SpoolLine


def make_rows(lines: Sequence[SpoolLine]) -> list[UsageRecord]:
    """Rows for the lines whose agent is known, priced, not stored. Three queries."""
    overrides = load_overrides()
    agents = Agent.objects.in_bulk({line.agent_id for line in lines})
    sessions = _sessions_of(agents, lines)
    rows = []
    for line in lines:
        if agent := agents.get(line.agent_id):
            session = _session_at(line.started_at, sessions.get(line.agent_id, ()))
            rows.append(_make_row(line, agent, session, overrides))
    return rows


def _sessions_of(
    agent_ids: Iterable[UUID], lines: Sequence[SpoolLine]
) -> dict[UUID, list[AgentSession]]:
    """For each agent the sessions that were open at some time in the span of the lines."""
    times = [line.started_at for line in lines]
    sessions: dict[UUID, list[AgentSession]] = {}
    if times:
        is_open = Q(ended_at__isnull=True) | Q(ended_at__gte=min(times))
        for session in AgentSession.objects.filter(
            is_open, agent__in=agent_ids, created_at__lte=max(times)
        ).only("agent_id", "created_at", "ended_at"):
            sessions.setdefault(session.agent_id, []).append(session)
    return sessions


def _session_at(moment: datetime, sessions: Iterable[AgentSession]) -> AgentSession | None:
    fitting = [
        session
        for session in sessions
        if session.created_at <= moment and (session.ended_at is None or moment <= session.ended_at)
    ]
    return max(fitting, key=lambda session: session.created_at, default=None)


def _make_row(
    line: SpoolLine, agent: Agent, session: AgentSession | None, overrides: Sequence[Override]
) -> UsageRecord:
    assessment = assess(line, overrides)
    tokens, priced = assessment.tokens, assessment.priced
    problems = (*line.problems, *assessment.problems)
    note = f"not believed: {', '.join(problems)}" if problems else ""
    return UsageRecord(
        attempt_id=line.attempt_id,
        user_id=agent.owner_id,
        agent=agent,
        session=session,
        started_at=line.started_at,
        kind=line.kind,
        method=line.method,
        path=line.path,
        status=line.status,
        complete=line.complete,
        error="; ".join(text for text in (line.error, note) if text)[:500],
        streamed=line.streamed,
        requested_model=line.requested_model,
        model=line.model,
        message_id=line.message_id,
        request_id=line.request_id,
        claude_session_id=line.claude_session_id,
        retry_count=line.retry_count,
        input_tokens=tokens.input,
        cache_write_5m_tokens=tokens.cache_write_5m,
        cache_write_1h_tokens=tokens.cache_write_1h,
        cache_read_tokens=tokens.cache_read,
        output_tokens=tokens.output,
        uncounted_output_tokens=min(line.uncounted_output_tokens, tokens.output),
        thinking_tokens=tokens.thinking,
        web_searches=tokens.web_searches,
        service_tier=assessment.service_tier,
        speed=assessment.speed,
        inference_geo=assessment.inference_geo,
        raw_usage=line.usage,
        first_byte_ms=line.first_byte_ms,
        total_ms=line.total_ms,
        cost_usd=priced.cost_usd,
        is_estimated=priced.is_estimated,
        is_unpriced=priced.is_unpriced,
        is_override=priced.is_override,
        price_version=priced.price_version,
    )
