"""Who else may look at an agent or act on it. Only the owner changes that."""

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q

from agents.doorbells import agent_group, owner_group, ring_on_commit
from agents.errors import InvalidRequest
from agents.models import Act, Agent, AgentShare, Level
from agents.services.acts import record_act

ONLY_LOOK = "This agent is shared with you to look at. Its owner can let you act on it."
ONLY_THE_OWNER = "Only the owner of an agent may do that."


def may_act(user: User, agent: Agent) -> bool:
    """Of an agent that the user sees."""
    return agent.owner_id == user.pk or (
        agent.shares.reaching(user).filter(level=Level.ACT).exists()
    )


def people_who_act(agent: Agent) -> list[User]:
    """The owner and who else may act, as far as they are active."""
    shares = agent.shares.filter(level=Level.ACT)
    reached = (
        Q(pk=agent.owner_id)
        | Q(pk__in=shares.exclude(user=None).values("user"))
        | Q(
            pk__in=User.groups.through.objects.filter(group__in=shares.values("group")).values(
                "user"
            )
        )
    )
    return list(User.objects.filter(reached, is_active=True).order_by("pk"))


def share_agent(agent: Agent, person: User | Group, level: str, *, by: User) -> AgentShare:
    """Let a user, or a group that the owner belongs to, look or act; again: with another level.

    Raises InvalidRequest.
    """
    is_user = isinstance(person, User)
    if is_user and person.pk == agent.owner_id:
        raise InvalidRequest("The agent is yours already.")
    if not is_user and not by.groups.filter(pk=person.pk).exists():
        raise InvalidRequest("You may share with your own groups only.")
    with transaction.atomic():
        share, _ = AgentShare.objects.update_or_create(
            agent=agent,
            **{"user" if is_user else "group": person},
            defaults={"level": Level(level)},
            create_defaults={"level": Level(level), "created_by": by},
        )
        record_act(by, Act.SHARE, agent, f"with {share.who}: {share.get_level_display()}")
        _ring_concerned(share)
    return share


def withdraw_share(share: AgentShare, *, by: User | None = None) -> None:
    """Quiet where it is withdrawn already. Open pages of who loses it close within seconds."""
    with transaction.atomic():
        _ring_concerned(share)
        if AgentShare.objects.filter(pk=share.pk).delete()[0]:
            record_act(by, Act.WITHDRAW, share.agent, f"of {share.who}")


def _ring_concerned(share: AgentShare) -> None:
    """A group may be of any size: its lists look by themselves every few seconds."""
    concerned = [owner_group(share.user_id)] if share.user_id else []
    ring_on_commit(agent_group(share.agent_id), *concerned, agent_id=share.agent_id)
