"""The socket that every page has."""

import pytest
from asgiref.sync import sync_to_async

from agents.doorbells import notice_group, ring
from agents.models import Agent, Notification, NotificationChoice
from agents.notices import read_news
from tests.agents.factories import make_agent
from tests.agents.test_consumers import connect, cookie_of
from tests.conftest import make_user

pytestmark = pytest.mark.django_db(transaction=True)
QUIET = {"needing": 0, "unread": 0, "show": []}


@pytest.fixture
def agent(transactional_db):
    return make_agent(make_user("alice"), status="needs_you")


def tell(agent, kind="needs_you", occasion="1", **fields):
    return Notification.objects.create(
        user=agent.owner, agent=agent, kind=kind, occasion=occasion, **fields
    )


def test_news_are_counts_and_what_is_new_and_wanted(agent):
    alice = agent.owner
    seen = tell(agent, occasion="0")
    NotificationChoice.objects.create(user=alice, kind="failed", channel="browser")
    NotificationChoice.objects.create(user=alice, kind="needs_you", channel="push")
    failed = tell(agent, kind="failed")
    tell(agent)
    news, after = read_news(alice, seen.pk)
    assert (news["needing"], news["unread"]) == (1, 3)
    assert [row["id"] for row in news["show"]] == [failed.pk]
    assert read_news(alice, after)[0]["show"] == []


def test_news_are_ones_own(agent):
    tell(agent)
    assert read_news(make_user("charlie"), 0) == (QUIET, 0)


def test_deleted_agents_are_not_counted(agent):
    tell(agent)
    Agent.objects.update(deleted_at="2026-01-01T00:00:00Z")
    assert read_news(agent.owner, 0)[0] == QUIET


async def test_page_is_told_at_once_and_of_changes_only(agent):
    cookie = await sync_to_async(cookie_of)(agent.owner)
    socket = await connect("/ws/pages/notices/", cookie=cookie)
    assert await socket.receive_json_from(timeout=5) == QUIET | {"needing": 1}
    await ring(notice_group(agent.owner_id), agent_id=agent.pk)
    assert await socket.receive_nothing(timeout=0.6)
    await sync_to_async(tell)(agent)
    await ring(notice_group(agent.owner_id), agent_id=agent.pk)
    assert await socket.receive_json_from(timeout=5) == QUIET | {"needing": 1, "unread": 1}
    await socket.disconnect()


async def test_what_was_there_before_the_page_is_not_shown(agent):
    await NotificationChoice.objects.acreate(
        user_id=agent.owner_id, kind="needs_you", channel="browser"
    )
    await sync_to_async(tell)(agent)
    cookie = await sync_to_async(cookie_of)(agent.owner)
    socket = await connect("/ws/pages/notices/", cookie=cookie)
    assert (await socket.receive_json_from(timeout=5))["show"] == []
    await sync_to_async(tell)(agent, occasion="2")
    await ring(notice_group(agent.owner_id), agent_id=agent.pk)
    assert len((await socket.receive_json_from(timeout=5))["show"]) == 1
    await socket.disconnect()


async def test_socket_is_not_for_who_is_not_signed_in(agent):
    socket = await connect("/ws/pages/notices/")
    assert (await socket.receive_output(timeout=5))["code"] == 4404


async def test_locked_out_user_is_closed(agent):
    cookie = await sync_to_async(cookie_of)(agent.owner)
    socket = await connect("/ws/pages/notices/", cookie=cookie)
    await socket.receive_from(timeout=5)
    await type(agent.owner).objects.aupdate(is_active=False)
    await ring(notice_group(agent.owner_id), agent_id=agent.pk)
    assert (await socket.receive_output(timeout=5))["code"] == 4404
