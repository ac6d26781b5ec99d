"""Speech by the API: real speech, the real model, a real worker."""

import re
import time

import pytest

from tests.e2e.stack import wait_for
from tests.voice_app.speech import FORMATS, converted, spoken

SAID = "Please write a test that shows the mistake before you change anything."


@pytest.fixture(scope="module")
def sound():
    return spoken(SAID)


@pytest.fixture
def transcribe(stack, alice_client):
    def ask(data, **fields):
        return alice_client.http.post(
            "/api/voice/transcribe", files={"file": ("speech", data)}, data=fields, timeout=120
        )

    return ask


def words(text):
    return re.findall(r"[a-z]+", text.lower())


@pytest.mark.parametrize("name", ["wav", *FORMATS])
def test_speech_is_understood_in_every_format(transcribe, sound, name):
    data = sound if name == "wav" else converted(sound, name)
    response = transcribe(data, language="en")
    assert response.status_code == 200, response.text
    answer = response.json()
    missed = set(words(SAID)) - set(words(answer["text"]))
    assert len(missed) <= 2, answer["text"]
    assert answer["language"] == "en"
    assert 3 < answer["seconds"] < 8
    assert (
        0 <= answer["segments"][0]["start"] < answer["segments"][-1]["end"] <= answer["seconds"] + 1
    )


def test_language_is_found_out(transcribe, sound):
    assert transcribe(sound).json()["language"] == "en"


def test_language_that_no_model_knows_is_named(transcribe, sound):
    response = transcribe(sound, language="xx")
    assert response.status_code == 422
    assert "code xx" in response.json()["reason"]


def test_model_stays_warm_and_is_told(stack, alice_client, transcribe, sound):
    transcribe(sound, language="en")
    status = alice_client.http.get("/api/voice/status").json()
    assert status == {"available": True, "model": "base", "loaded": ["base"], "queue": 0}


@pytest.mark.parametrize(
    "data",
    [b"", b"no sound, but text " * 500, b"#EXTM3U\nfile:///etc/passwd\n", b"OggS" + bytes(9000)],
    ids=["nothing", "text", "a playlist", "a header alone"],
)
def test_bad_recordings_are_refused_at_once_and_harm_no_worker(transcribe, sound, data):
    transcribe(sound, language="en")
    began = time.monotonic()
    response = transcribe(data)
    assert time.monotonic() - began < 1
    assert response.status_code in (400, 422)
    assert len(response.json()["reason"]) > 10
    assert transcribe(sound, language="en").status_code == 200


def test_silence_is_no_speech(transcribe, sound):
    silence = sound[:44] + bytes(len(sound) - 44)
    response = transcribe(silence)
    assert response.status_code == 422
    assert "No speech was heard" in response.json()["reason"]


def test_worker_that_is_killed_leaves_the_recording_to_the_next(stack, transcribe, sound):
    folder = stack.data / "voice"
    before = set(folder.iterdir())
    stack.kill("voice")
    stack.start("voice")
    assert transcribe(sound, language="en").status_code == 200
    wait_for(lambda: set(folder.iterdir()) <= before, seconds=5)
