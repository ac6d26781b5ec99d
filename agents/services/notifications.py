"""What happens to agents, told to the people concerned: rows first, then whatever they chose."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from agents.doorbells import notice_group, ring_on_commit
from agents.models import (
    Agent,
    AgentSession,
    Channel,
    Dispatch,
    Kind,
    Notification,
    NotificationChoice,
    Status,
    Webhook,
)
from agents.rendering import plain
from agents.services.queue import enqueue
from agents.services.sharing import people_who_act


def people_told(agent: Agent) -> list[User]:
    """Everyone who is told about the agent: who may act on it."""
    return [] if agent.deleted_at is not None else people_who_act(agent)


def tell_output(agent: Agent, before: str, *, has_ended_turn: bool) -> None:
    """Tell what a batch of output did; `agent` is as it is now, `before` its status until then."""
    if agent.status == Status.NEEDS_YOU and before != Status.NEEDS_YOU:
        asked = agent.approvals.pending().order_by("pk").values_list("tool_name", flat=True).first()
        question = asked in ("AskUserQuestion", None)
        text = "It asks a question." if question else f"It asks to use {plain(str(asked))[:60]}."
        _tell(agent, Kind.NEEDS_YOU, f"seq {agent.last_seq}", text)
    elif agent.status == Status.IDLE and has_ended_turn:
        _tell(agent, Kind.FINISHED, f"seq {agent.last_seq}", "It waits for your next prompt.")
    if agent.status != Status.NEEDS_YOU and before == Status.NEEDS_YOU:
        end_need(agent)


def tell_end(session: AgentSession, *, failed: bool) -> None:
    """Tell that the agent ended by itself."""
    kind = Kind.FAILED if failed else Kind.ENDED
    text = "Its page says why." if failed else "It can be resumed."
    _tell(session.agent, kind, f"session {session.number}", text)


def end_need(agent: Agent) -> None:
    """Nobody need answer any more: who was told so has read it, and counts anew."""
    rows = Notification.objects.filter(agent=agent, kind=Kind.NEEDS_YOU, read_at=None)
    rows.update(read_at=timezone.now())
    ring_on_commit(*(notice_group(user.pk) for user in people_told(agent)), agent_id=agent.pk)


def mark_read(user: User) -> None:
    """All of the user's."""
    Notification.objects.visible_to(user).filter(read_at=None).update(read_at=timezone.now())
    ring_on_commit(notice_group(user.pk), agent_id="")


def send_test(user: User, channel: Channel) -> None:
    """Try a channel out, as an event would."""
    with transaction.atomic():
        _dispatch(user, None, {channel.value})


def _tell(agent: Agent, kind: Kind, occasion: str, text: str) -> None:
    with transaction.atomic():
        for user in people_told(agent):
            row, is_new = Notification.objects.get_or_create(
                user=user, agent=agent, kind=kind, occasion=occasion, defaults={"text": text}
            )
            if is_new:
                chosen = NotificationChoice.objects.filter(user=user, kind=kind)
                _dispatch(user, row, set(chosen.values_list("channel", flat=True)))
                ring_on_commit(notice_group(user.pk), agent_id=agent.pk)


def _dispatch(user: User, notification: Notification | None, channels: set[str]) -> None:
    """Put the notification on its way by each channel that the user has set up."""
    ways: list[Dispatch] = []
    common = {"user": user, "notification": notification, "due_at": timezone.now()}
    if Channel.PUSH in channels:
        ways += [
            Dispatch(channel=Channel.PUSH, subscription=device, **common)
            for device in user.push_subscriptions.all()
        ]
    if Channel.WEBHOOK in channels and Webhook.objects.filter(user=user).exists():
        ways.append(Dispatch(channel=Channel.WEBHOOK, **common))
    if Channel.EMAIL in channels and user.email:
        ways.append(Dispatch(channel=Channel.EMAIL, **common))
    for way in ways:
        way.save()
        enqueue("send_dispatch", way.pk)
