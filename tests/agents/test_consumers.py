"""The sockets against the in-memory layer, with real rows and real sessions."""

import json

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as site_settings
from django.db import OperationalError
from django.test import Client

from agents import consumers
from agents.consumers import AgentJsonConsumer
from agents.doorbells import agent_group, owner_group, ring
from agents.models import Agent, ApiToken, LiveText
from cam_site.asgi import application
from tests.agents.factories import make_agent, make_event, make_session
from tests.conftest import make_user

pytestmark = pytest.mark.django_db(transaction=True)
GONE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def watched(transactional_db):
    """Alice's agent with three events."""
    agent = make_agent(make_user("alice"))
    session = make_session(agent)
    for seq in (1, 2, 3):
        make_event(session, seq, kind="cam", payload={"text": f"line {seq}"})
    Agent.objects.update(last_seq=3)
    return agent


def cookie_of(user):
    client = Client()
    client.force_login(user)
    return client.cookies[site_settings.SESSION_COOKIE_NAME].value


def token_of(user):
    token = ApiToken(user=user, name="test")
    raw = token.set_secret()
    token.save()
    return raw


async def connect(path, *, cookie="", token="", origin=None):
    headers = [(b"host", b"localhost")]
    if cookie:
        headers.append((b"cookie", f"{site_settings.SESSION_COOKIE_NAME}={cookie}".encode()))
    if token:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    if origin:
        headers.append((b"origin", origin.encode()))
    socket = WebsocketCommunicator(application, path, headers=headers)
    socket.accepted, _ = await socket.connect(timeout=5)
    return socket


async def json_messages(socket, until):
    """Messages up to the first for which `until` holds."""
    messages = []
    while not messages or not until(messages[-1]):
        messages.append(json.loads(await socket.receive_from(timeout=5)))
    return messages


def is_state(message):
    return message["type"] == "state"


async def test_json_socket_replays_after_the_cursor_then_follows(watched):
    token = await sync_to_async(token_of)(watched.owner)
    socket = await connect(f"/ws/agent/{watched.pk}?after=1", token=token)
    messages = await json_messages(socket, is_state)
    assert [message["seq"] for message in messages if message["type"] == "event"] == [2, 3]
    assert messages[-1]["status"] == "idle"
    session = await watched.sessions.aget()
    await sync_to_async(make_event)(session, 4, kind="cam", payload={"text": "new"})
    await LiveText.objects.aupdate(text="writing")
    await ring(agent_group(watched.pk), agent_id=watched.pk)
    follow = await json_messages(socket, lambda message: message["type"] == "live")
    assert [message.get("seq") for message in follow] == [4, None]
    assert follow[0]["payload"] == {"text": "new"}
    await socket.disconnect()


async def test_two_viewers_get_the_same_and_nothing_twice(watched):
    token = await sync_to_async(token_of)(watched.owner)
    sockets = [await connect(f"/ws/agent/{watched.pk}?after={n}", token=token) for n in (0, 3)]
    for socket in sockets:
        await json_messages(socket, is_state)
    session = await watched.sessions.aget()
    for seq in (4, 5):
        await sync_to_async(make_event)(session, seq, kind="cam", payload={"text": "x"})
        await ring(agent_group(watched.pk), agent_id=watched.pk)
    for socket in sockets:
        got = await json_messages(socket, lambda message: message.get("seq") == 5)
        assert [message["seq"] for message in got] == [4, 5]
        assert await socket.receive_nothing()
        await socket.disconnect()


async def test_page_socket_sends_elements_and_only_what_changed(watched):
    cookie = await sync_to_async(cookie_of)(watched.owner)
    socket = await connect(f"/ws/pages/agents/{watched.pk}/?after=3", cookie=cookie)
    first = await socket.receive_from(timeout=5)
    assert 'id="agent-status"' in first
    assert 'id="live"' in first
    assert "#transcript" not in first
    session = await watched.sessions.aget()
    await sync_to_async(make_event)(session, 4, kind="cam", payload={"text": "fresh"})
    await ring(agent_group(watched.pk), agent_id=watched.pk)
    second = await socket.receive_from(timeout=5)
    assert "beforeend:#transcript" in second
    assert "fresh" in second
    assert 'id="agent-mode"' not in second
    await socket.disconnect()


async def test_page_gets_its_rows_beside_a_program(watched):
    cookie = await sync_to_async(cookie_of)(watched.owner)
    program = await connect(f"/ws/agent/{watched.pk}?after=3", cookie=cookie)
    await json_messages(program, is_state)
    page = await connect(f"/ws/pages/agents/{watched.pk}/?after=3", cookie=cookie)
    await page.receive_from(timeout=5)
    session = await watched.sessions.aget()
    await sync_to_async(make_event)(session, 4, kind="cam", payload={"text": "for both"})
    await ring(agent_group(watched.pk), agent_id=watched.pk)
    assert "for both" in await page.receive_from(timeout=5)
    await json_messages(program, lambda message: message.get("seq") == 4)
    await page.disconnect()
    await program.disconnect()


async def test_viewer_that_breaks_does_not_take_the_others_with_it(watched, monkeypatch):
    cookie = await sync_to_async(cookie_of)(watched.owner)
    sockets = [await connect(f"/ws/agent/{watched.pk}?after=3", cookie=cookie) for _ in (1, 2)]
    for socket in sockets:
        await json_messages(socket, is_state)
    show = AgentJsonConsumer.show
    broken = []

    async def break_first(self, update):
        if not broken or self in broken:
            broken.append(self)
            raise ConnectionError("gone")
        await show(self, update)

    monkeypatch.setattr(AgentJsonConsumer, "show", break_first)
    session = await watched.sessions.aget()
    await sync_to_async(make_event)(session, 4, kind="cam", payload={"text": "x"})
    await ring(agent_group(watched.pk), agent_id=watched.pk)
    outputs = [await socket.receive_output(timeout=5) for socket in sockets]
    assert sorted(output["type"] for output in outputs) == ["websocket.close", "websocket.send"]
    for socket in sockets:
        await socket.disconnect()


async def test_list_socket_sends_rows_when_they_change(watched):
    cookie = await sync_to_async(cookie_of)(watched.owner)
    socket = await connect("/ws/pages/agents/", cookie=cookie)
    assert "Fix the cart" in await socket.receive_from(timeout=5)
    await Agent.objects.aupdate(name="Mend the cart")
    await ring(owner_group(watched.owner_id), agent_id=watched.pk)
    assert "Mend the cart" in await socket.receive_from(timeout=5)
    await socket.disconnect()


@pytest.mark.parametrize("path", ["/ws/agent/{}", "/ws/pages/agents/{}/"])
@pytest.mark.parametrize("who", ["charlie", "nobody", "wrong cookie", "disabled"])
async def test_strangers_are_closed_with_4404(watched, path, who):
    cookie = "nonsense" if who == "wrong cookie" else ""
    if who == "charlie":
        cookie = await sync_to_async(lambda: cookie_of(make_user("charlie")))()
    if who == "disabled":
        cookie = await sync_to_async(cookie_of)(watched.owner)
        watched.owner.is_active = False
        await watched.owner.asave()
    socket = await connect(path.format(watched.pk), cookie=cookie)
    assert (await socket.receive_output(timeout=5))["code"] == 4404


@pytest.mark.parametrize("path", [f"/ws/agent/{GONE}", f"/ws/pages/agents/{GONE}/"])
async def test_unknown_agent_is_closed_with_4404(watched, path):
    cookie = await sync_to_async(cookie_of)(watched.owner)
    socket = await connect(path, cookie=cookie)
    assert (await socket.receive_output(timeout=5))["code"] == 4404


@pytest.mark.parametrize("after", ["-1", "x", "1e9", "9" * 30, "%00"])
async def test_malformed_cursor_is_closed(watched, after):
    cookie = await sync_to_async(cookie_of)(watched.owner)
    socket = await connect(f"/ws/agent/{watched.pk}?after={after}", cookie=cookie)
    assert (await socket.receive_output(timeout=5))["code"] == 4404


async def test_list_is_not_for_who_is_not_signed_in(watched):
    socket = await connect("/ws/pages/agents/")
    assert (await socket.receive_output(timeout=5))["code"] == 4404


async def test_deleted_agent_closes_its_viewers(watched):
    cookie = await sync_to_async(cookie_of)(watched.owner)
    socket = await connect(f"/ws/pages/agents/{watched.pk}/", cookie=cookie)
    await socket.receive_from(timeout=5)
    await Agent.objects.aupdate(deleted_at="2026-01-01T00:00:00Z")
    await ring(agent_group(watched.pk), agent_id=watched.pk)
    assert (await socket.receive_output(timeout=5))["code"] == 4404


async def test_viewer_who_logs_out_is_closed_soon(watched, monkeypatch):
    monkeypatch.setattr("agents.consumers.CHECK_EVERY_SECONDS", 0)
    token = await sync_to_async(token_of)(watched.owner)
    socket = await connect(f"/ws/agent/{watched.pk}", token=token)
    await json_messages(socket, is_state)
    await ApiToken.objects.all().adelete()
    await ring(agent_group(watched.pk), agent_id=watched.pk)
    assert (await socket.receive_output(timeout=5))["code"] == 4404


async def test_page_of_another_site_gets_no_socket(watched):
    cookie = await sync_to_async(cookie_of)(watched.owner)
    path = f"/ws/pages/agents/{watched.pk}/"
    assert not (await connect(path, cookie=cookie, origin="https://evil.example")).accepted
    assert not (await connect(path, cookie=cookie, origin="null")).accepted
    socket = await connect(path, cookie=cookie, origin="http://localhost:8420")
    assert socket.accepted
    await socket.disconnect()


async def test_the_list_outlives_a_database_that_is_away(watched, monkeypatch):
    read, calls = consumers._read_list, []

    def fail_first(*asked):
        calls.append(asked)
        if len(calls) == 1:
            raise OperationalError("database is locked")
        return read(*asked)

    monkeypatch.setattr(consumers, "_read_list", fail_first)
    cookie = await sync_to_async(lambda: cookie_of(watched.owner))()
    socket = await connect("/ws/pages/agents/", cookie=cookie)
    # By itself, without a doorbell.
    assert "Fix the cart" in await socket.receive_from(timeout=15)
    await socket.disconnect()


async def test_a_viewer_that_cannot_be_shown_is_told_to_come_again(watched, monkeypatch):
    async def fail(self, update):
        raise OperationalError("database is locked")

    cookie = await sync_to_async(lambda: cookie_of(watched.owner))()
    monkeypatch.setattr(consumers.AgentPageConsumer, "show", fail)
    socket = await connect(f"/ws/pages/agents/{watched.pk}/", cookie=cookie)
    await socket.receive_from(timeout=5)
    closed = await socket.receive_output(timeout=5)
    assert (closed["type"], closed["code"]) == ("websocket.close", 1013)
