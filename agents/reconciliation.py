"""Make rows and containers of a node agree. Touches only containers that carry our labels."""

import logging

from agents import containers
from agents.models import AgentSession

logger = logging.getLogger(__name__)


def reconcile(node: str) -> int:
    """Remove containers that no open session owns; returns how many.

    Sessions whose container is gone need nothing here: their link records the end. A container
    that a worker is starting right now is not yet on its row, so a session keeps its own by agent and
    number.
    """
    found = containers.list_ours(node)
    if not found:
        return 0
    sessions = AgentSession.objects.open().filter(agent__node=node, agent__deleted_at__isnull=True)
    owned = {
        (str(agent_id), number) for agent_id, number in sessions.values_list("agent_id", "number")
    }
    orphans = [item for item in found if (item.agent_id, item.session_number) not in owned]
    for item in orphans:
        logger.warning("removing container %s: no session owns it", item.name)
        containers.remove(item.container_id)
    return len(orphans)
