"""Tell readers that rows changed. A lost doorbell costs nothing: every reader looks by itself too."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypedDict
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class AgentChanged(TypedDict):
    type: Literal["agent.changed"]
    agent_id: str


def agent_group(agent_id: UUID | str) -> str:
    """For who watches one agent."""
    return f"agent.{agent_id}"


def owner_group(owner_id: int) -> str:
    """For who watches a user's list of agents."""
    return f"owner.{owner_id}"


def notice_group(user_id: int) -> str:
    """For the pages of a user, whichever they are."""
    return f"notices.{user_id}"


def bridge_group(node: str) -> str:
    """For the bridge of a node."""
    return f"bridge.{node}"


async def ring(*groups: str, agent_id: UUID | str) -> None:
    await send(AgentChanged(type="agent.changed", agent_id=str(agent_id)), *groups)


async def send(message: Mapping[str, Any], *groups: str) -> None:
    layer = get_channel_layer()
    try:
        for group in groups:
            await layer.group_send(group, message)
    except (OSError, RedisError) as exc:
        logger.warning("doorbell of %s was lost: %s", ", ".join(groups), exc)


def ring_on_commit(*groups: str, agent_id: UUID | str) -> None:
    transaction.on_commit(lambda: async_to_sync(ring)(*groups, agent_id=agent_id))


def ring_agent_on_commit(agent_id: UUID | str) -> None:
    """Wake the viewers of one agent."""
    ring_agents_on_commit([agent_id])


def ring_agents_on_commit(agent_ids: Iterable[UUID | str]) -> None:
    """Wake the viewers of many: entering an event loop costs more than all their messages."""
    ids = list(agent_ids)
    transaction.on_commit(lambda: async_to_sync(_ring_agents)(ids))


async def _ring_agents(agent_ids: Iterable[UUID | str]) -> None:
    for agent_id in agent_ids:
        await ring(agent_group(agent_id), agent_id=agent_id)
