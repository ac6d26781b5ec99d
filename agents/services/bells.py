from agents.doorbells import agent_group, bridge_group, owner_group, ring_on_commit
from agents.models import Agent


def ring_everyone(agent: Agent) -> None:
    """Wake the agent's viewers, its owner's list and its node's bridge, once the rows are there."""
    ring_on_commit(
        agent_group(agent.pk),
        owner_group(agent.owner_id),
        bridge_group(agent.node),
        agent_id=agent.pk,
    )
