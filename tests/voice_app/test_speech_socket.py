"""The microphone's socket, with real rows and sessions and a worker that is there at once."""

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async

from agents.models import JobState
from tests.agents.test_consumers import connect, cookie_of
from tests.conftest import make_user
from tests.voice_app.speech import tone
from voice_app import services
from voice_app.doorbells import ring_recording
from voice_app.interim import Interim
from voice_app.models import Recording
from voice_app.services import MAX_WAITING, begin_recording

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("voice_site")]

PATH = "/ws/pages/speech/"


@pytest.fixture
def cookie(transactional_db):
    return cookie_of(make_user("alice"))


async def answer(socket):
    return json.loads(await socket.receive_from(timeout=5))


async def closed(socket):
    message = await socket.receive_output(timeout=5)
    assert message["type"] == "websocket.close"
    return message.get("code", 1000)


async def test_text_comes_while_sound_does_and_the_final_text_last(cookie, worker, model):
    socket = await connect(PATH, cookie=cookie)
    await socket.send_to(bytes_data=tone())
    heard = await answer(socket)
    assert (heard["state"], heard["text"], heard["interim"]) == ("arriving", "", "Run the")
    model.interim = Interim("Run the test.", 0.5)
    await socket.send_to(bytes_data=tone())
    heard = await answer(socket)
    assert (heard["text"], heard["interim"]) == ("Run the test.", "")
    await socket.send_to(text_data="end")
    while heard["state"] != "done":
        heard = await answer(socket)
    assert (heard["text"], heard["interim"], heard["error"]) == ("Run the tests.", "", "")
    assert await closed(socket) == 1000
    await socket.disconnect()
    assert await Recording.objects.aget(state=JobState.DONE)


async def test_end_is_said_again_where_a_doorbell_was_lost(cookie, enqueued):
    socket = await connect(PATH, cookie=cookie)
    await socket.send_to(bytes_data=tone())
    await socket.send_to(text_data="end")
    assert (await answer(socket))["state"] == "queued"
    await Recording.objects.aupdate(state=JobState.DONE, text="Run the tests.")
    await socket.send_to(text_data="end")
    assert (await answer(socket))["text"] == "Run the tests."
    assert await closed(socket) == 1000
    assert [task for task, _ in enqueued] == ["listen_so_far", "transcribe"]


async def test_one_interim_text_is_asked_for_at_a_time(cookie, enqueued):
    socket = await connect(PATH, cookie=cookie)
    for _ in range(3):
        await socket.send_to(bytes_data=tone())
    await socket.send_to(text_data="end")
    assert (await answer(socket))["state"] == "queued"
    assert [task for task, _ in enqueued] == ["listen_so_far", "transcribe"]
    await socket.disconnect()


async def test_next_interim_text_is_asked_for_when_sound_comes(cookie, enqueued, monkeypatch):
    added, loop, add_sound = asyncio.Queue(), asyncio.get_running_loop(), services.add_sound

    def add(recording, data):
        add_sound(recording, data)
        loop.call_soon_threadsafe(added.put_nowait, recording)

    monkeypatch.setattr(services, "add_sound", add)
    socket = await connect(PATH, cookie=cookie)
    for _ in range(2):
        await socket.send_to(bytes_data=tone())
        recording = await asyncio.wait_for(added.get(), timeout=5)
    await Recording.objects.aupdate(interim="Run the")
    await sync_to_async(ring_recording)(recording.pk)
    assert (await answer(socket))["interim"] == "Run the"
    assert await socket.receive_nothing()
    assert [task for task, _ in enqueued] == ["listen_so_far"]
    await socket.send_to(bytes_data=tone())
    await socket.send_to(text_data="end")
    assert (await answer(socket))["state"] == "queued"
    assert [task for task, _ in enqueued] == ["listen_so_far", "listen_so_far", "transcribe"]
    await socket.disconnect()


async def test_page_that_goes_leaves_nothing(cookie, enqueued, settings):
    socket = await connect(PATH, cookie=cookie)
    await socket.send_to(bytes_data=tone())
    await socket.disconnect()
    assert not await Recording.objects.aexists()
    assert not list(settings.CAM_VOICE_DIR.iterdir())


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"bytes_data": b"text" * 50}, "no recording"),
        ({"bytes_data": tone() + bytes(1_000_000)}, "larger than 1 MB"),
        ({"text_data": "end"}, "empty"),
        ({"text_data": '{"state": "done"}'}, "Send sound"),
    ],
)
async def test_what_is_no_sound_ends_it_in_words(cookie, enqueued, settings, message, words):
    settings.CAM_VOICE_MAX_MB = 1
    socket = await connect(PATH, cookie=cookie)
    await socket.send_to(**message)
    refused = await answer(socket)
    assert refused["state"] == "failed"
    assert words in refused["error"]
    assert await closed(socket) == 1000
    await socket.disconnect()
    assert not await Recording.objects.aexists()


async def test_missing_model_and_full_queue_are_said_at_once(cookie, enqueued, settings):
    user = await sync_to_async(make_user)("bob")
    for _ in range(MAX_WAITING):
        await sync_to_async(begin_recording)(user)
    socket = await connect(PATH, cookie=await sync_to_async(cookie_of)(user))
    assert "wait already" in (await answer(socket))["error"]
    (settings.CAM_WHISPER_DIR / "base/model.bin").unlink()
    socket = await connect(PATH, cookie=cookie)
    assert "base is not on this site" in (await answer(socket))["error"]
    assert await closed(socket) == 1000


async def test_strangers_and_foreign_pages_are_not_heard(cookie, enqueued):
    socket = await connect(PATH)
    assert await closed(socket) == 4404
    socket = await connect(PATH, cookie=cookie, origin="https://elsewhere.example")
    assert not socket.accepted
    assert not await Recording.objects.aexists()


async def test_users_hear_of_their_own_recording_alone(cookie, worker):
    bob = await sync_to_async(make_user)("bob")
    other = await connect(PATH, cookie=await sync_to_async(cookie_of)(bob))
    socket = await connect(PATH, cookie=cookie)
    await socket.send_to(bytes_data=tone())
    assert (await answer(socket))["interim"] == "Run the"
    assert await other.receive_nothing()
    await other.disconnect()
    await socket.disconnect()
