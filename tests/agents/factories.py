"""Rows as the portal writes them, for tests."""

from django.utils import timezone

from agents.models import Agent, AgentSession, ApprovalRequest, LiveText, SessionEvent, Status


def make_agent(owner, *, status=Status.IDLE, **fields):
    agent = Agent.objects.create(
        owner=owner,
        status=status,
        **{
            "name": "Fix the cart",
            "workspace": "/srv/workspaces/shop",
            "model": "claude-sonnet-5-5",
            "node": "local",
        }
        | fields,
    )
    LiveText.objects.create(agent=agent)
    return agent


def make_session(agent, *, number=1, **fields):
    return AgentSession.objects.create(agent=agent, number=number, **fields)


def make_event(session, seq, *, kind="assistant", payload=None):
    return SessionEvent.objects.create(
        agent=session.agent,
        session=session,
        seq=seq,
        kind=kind,
        payload=payload or {"type": kind, "text": f"line {seq}"},
        created_at=timezone.now(),
    )


def make_approval(session, *, tool_name="Edit", request_id="r1", **fields):
    return ApprovalRequest.objects.create(
        agent=session.agent,
        session=session,
        request_id=request_id,
        tool_name=tool_name,
        tool_input={"file_path": "cart.py"},
        **fields,
    )
