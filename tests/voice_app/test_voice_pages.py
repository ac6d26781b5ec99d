"""The recorder on the page, the Config page's section, and the API."""

import pytest
from django.urls import reverse

from tests.agents.conftest import client_of
from tests.voice_app.conftest import upload
from tests.voice_app.speech import tone
from voice_app.choices import voice_of
from voice_app.models import VoiceChoices, VoiceWorker
from voice_app.services import add_recording, begin_recording

pytestmark = pytest.mark.usefixtures("voice_site")

API = "/api/voice/transcribe"


def test_page_of_an_agent_has_the_recorder(as_alice, agent):
    content = as_alice.get(agent.get_absolute_url()).content.decode()
    assert 'id="microphone"' in content
    assert 'data-silence-ms="1500"' in content
    assert 'data-available="yes"' in content


def test_choices_are_kept_and_return_to_the_sites(as_alice, alice):
    data = {
        "model": "small",
        "language": "de",
        "auto_send": "yes",
        "silence_threshold_ms": "900",
    }
    assert as_alice.post(reverse("voice_save"), data).status_code == 302
    voice = voice_of(alice)
    assert (voice.model, voice.language, voice.auto_send, voice.silence_threshold_ms) == (
        "small",
        "de",
        True,
        900,
    )
    assert "not on this site yet" in as_alice.get(reverse("config_home")).content.decode()
    as_alice.post(reverse("voice_save"), dict.fromkeys(data, ""))
    voice = voice_of(alice)
    assert (voice.model, voice.language, voice.auto_send) == ("base", "auto", False)


@pytest.mark.parametrize(
    "data",
    [
        {"model": "huge"},
        {"language": "xx"},
        {"auto_send": "perhaps"},
        {"silence_threshold_ms": "1"},
        {"silence_threshold_ms": "x"},
    ],
)
def test_wrong_choices_change_nothing(as_alice, data):
    as_alice.post(reverse("voice_save"), data)
    assert not VoiceChoices.objects.exists()


# The API


def test_api_answers_with_text_segments_language_and_seconds(as_alice, worker):
    response = as_alice.post(API, {"file": upload(), "language": "de"})
    assert response.json() == {
        "text": "Run the tests.",
        "segments": [{"start": 0, "end": 1, "text": "Run the tests."}],
        "language": "de",
        "seconds": 1.0,
    }


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        ({"file": b"text" * 50}, 400, "no recording"),
        ({"file": b""}, 400, "empty"),
        ({"file": None, "model": "huge"}, 422, ""),
        ({"file": None, "model": "small"}, 400, "not on this site"),
        ({"file": None, "language": "English"}, 422, ""),
        ({}, 422, ""),
    ],
)
def test_api_refuses_in_words(as_alice, worker, data, status, words):
    if "file" in data:
        data = data | {"file": upload(data["file"])}
    response = as_alice.post(API, data)
    assert response.status_code == status, response.content
    assert words in response.json()["reason"]


def test_api_tells_why_nothing_was_heard(as_alice, worker, model):
    model.heard = ""
    response = as_alice.post(API, {"file": upload()})
    assert response.status_code == 422
    assert "No speech" in response.json()["reason"]


def test_status_counts_the_queue_and_names_the_model(as_alice, alice, enqueued):
    add_recording(alice, upload(tone()))
    begin_recording(alice)  # still arrives
    VoiceWorker.objects.create(node="local", loaded="base")
    assert as_alice.get("/api/voice/status").json() == {
        "available": True,
        "model": "base",
        "loaded": ["base"],
        "queue": 1,
    }


def test_api_needs_a_login(client):
    assert client.get("/api/voice/status").status_code == 401
    assert client.post(API, {"file": upload()}).status_code == 401


def test_other_peoples_choices_are_not_touched(as_bob, alice, bob):
    VoiceChoices.objects.create(user=alice, model="small")
    client_of(bob).post(reverse("voice_save"), {"model": "tiny"})
    assert (voice_of(alice).model, voice_of(bob).model) == ("small", "tiny")
