import logging

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import ConnectionError as RedisConnectionError

from agents.doorbells import agent_group, ring, ring_agent_on_commit, ring_on_commit

AGENT_ID = "0b0e8f0c-5f0e-4c39-9a0e-3a2f5c1d7e11"


class DeadLayer:
    def __init__(self, error):
        self.error = error

    async def group_send(self, group, message):
        raise self.error


async def listen(group):
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    return layer, channel


async def test_ring_reaches_who_listens():
    layer, channel = await listen(agent_group(AGENT_ID))
    await ring(agent_group(AGENT_ID), agent_id=AGENT_ID)
    message = await layer.receive(channel)
    assert message == {"type": "agent.changed", "agent_id": AGENT_ID}


async def test_ring_reaches_no_other_group():
    layer, channel = await listen("agent.other")
    await ring(agent_group(AGENT_ID), agent_id=AGENT_ID)
    assert channel not in layer.channels


@pytest.mark.parametrize("error", [RedisConnectionError("down"), ConnectionRefusedError("down")])
async def test_lost_doorbell_is_only_logged(monkeypatch, caplog, error):
    monkeypatch.setattr("agents.doorbells.get_channel_layer", lambda: DeadLayer(error))
    with caplog.at_level(logging.WARNING):
        await ring("agent.x", agent_id=AGENT_ID)
    assert "doorbell of agent.x was lost" in caplog.text


async def test_bug_in_a_layer_is_not_hidden(monkeypatch):
    monkeypatch.setattr("agents.doorbells.get_channel_layer", lambda: DeadLayer(TypeError("bug")))
    with pytest.raises(TypeError):
        await ring("agent.x", agent_id=AGENT_ID)


@pytest.mark.django_db(transaction=True)
async def test_doorbell_waits_for_the_commit():
    layer, channel = await listen(agent_group(AGENT_ID))

    @sync_to_async
    def change_rows():
        with transaction.atomic():
            ring_agent_on_commit(AGENT_ID)
            return channel in layer.channels

    rang_before_commit = await change_rows()
    assert not rang_before_commit
    assert (await layer.receive(channel))["agent_id"] == AGENT_ID


def test_rollback_rings_nobody(db, rung, on_commit):
    with on_commit(), transaction.atomic():
        ring_on_commit("agent.x", agent_id=AGENT_ID)
        transaction.set_rollback(True)
    assert rung == []
