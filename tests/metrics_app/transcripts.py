"""Transcripts as the recorder stores them, for tests of turns and their costs."""

from datetime import timedelta

from django.utils import timezone

from agents.models import Agent, AgentSession, SessionEvent
from tests.metrics_app.conftest import OPUS


class Transcript:
    """Appends events to a new session of the agent, a second apart from an hour ago; the one before has ended."""

    def __init__(self, agent, number=1):
        self.started_at = self.now = timezone.now() - timedelta(hours=1)
        agent.sessions.open().update(ended_at=self.now)
        self.session = AgentSession.objects.create(agent=agent, number=number)

    def append(self, kind, payload):
        agent = Agent.objects.get(pk=self.session.agent_id)
        self.now += timedelta(seconds=1)
        event = SessionEvent.objects.create(
            agent=agent,
            session=self.session,
            seq=agent.last_seq + 1,
            kind=kind,
            payload=payload,
            created_at=self.now,
        )
        Agent.objects.filter(pk=agent.pk).update(last_seq=event.seq, last_event_at=self.now)
        return event

    def answer(self, message_id, *tools, parent=None):
        """A line for each tool, as the CLI writes them; one of text where there is none."""
        blocks = [{"type": "tool_use", "id": f"toolu_{name}", "name": name} for name in tools]
        for block in blocks or [{"type": "text", "text": "hello"}]:
            self.append("assistant", answer_payload(message_id, block, parent=parent))

    def start_subagent(self, message_id, tool_use_id, subagent):
        call = {"subagent_type": subagent}
        block = {"type": "tool_use", "id": tool_use_id, "name": "Agent", "input": call}
        self.append("assistant", answer_payload(message_id, block))

    def end_turn(self, total):
        return self.append("result", {"type": "result", "total_cost_usd": total})


def answer_payload(message_id, *content, parent=None, model=OPUS):
    return {
        "type": "assistant",
        "message": {"id": message_id, "model": model, "content": list(content)},
        "parent_tool_use_id": parent,
    }
