"""The recorder's addresses, the Config page's section, and the API."""

from uuid import uuid4

import pytest
from django.urls import reverse

from tests.agents.conftest import client_of
from tests.voice_app.conftest import upload
from tests.voice_app.speech import tone
from voice_app.choices import voice_of
from voice_app.models import Recording, VoiceChoices, VoiceWorker
from voice_app.services import add_recording

pytestmark = pytest.mark.usefixtures("voice_site")

API = "/api/voice/transcribe"


def test_upload_leads_to_the_text(as_alice, agent, worker):
    response = as_alice.post(reverse("recording_add"), {"file": upload(), "agent": agent.pk})
    assert response.status_code == 202
    state = as_alice.get(response.json()["url"]).json()
    assert (state["state"], state["text"], state["seconds"]) == ("done", "Run the tests.", 1.0)
    assert Recording.objects.get().agent == agent


def test_recording_is_its_speakers_alone(as_alice, as_bob, client, alice, enqueued):
    recording = add_recording(alice, upload())
    path = reverse("recording_state", args=[recording.pk])
    assert as_alice.get(path).json()["state"] == "queued"
    assert as_bob.get(path).status_code == 404
    assert client.get(path).status_code == 302
    assert as_alice.get(reverse("recording_state", args=[uuid4()])).status_code == 404


def test_agent_of_a_stranger_is_none(as_bob, agent, enqueued):
    response = as_bob.post(reverse("recording_add"), {"file": upload(), "agent": agent.pk})
    assert response.status_code == 422
    assert not Recording.objects.exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "No file came"),
        ({"file": b""}, "empty"),
        ({"file": b"text" * 50}, "no recording"),
        ({"file": None, "agent": "x"}, "valid"),
    ],
)
def test_wrong_upload_is_refused_in_words(as_alice, enqueued, data, words):
    if "file" in data:
        data = data | {"file": upload(data["file"])}
    response = as_alice.post(reverse("recording_add"), data)
    assert response.status_code == 422
    assert words in response.json()["error"]


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
