"""From a recording to its text: kept privately, listened to once, forgotten."""

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from agents.errors import InvalidRequest, LimitReached
from agents.models import JobState
from tests.voice_app.conftest import upload
from tests.voice_app.speech import tone
from voice_app import services
from voice_app.models import Recording, VoiceChoices, VoiceWorker
from voice_app.services import MAX_WAITING, add_recording, listen, tidy
from voice_app.whisper import ModelMissing, UnknownLanguage

pytestmark = pytest.mark.usefixtures("voice_site")


def heard(user, model, data=None, **fields):
    recording = add_recording(user, upload(data), **fields)
    listen(recording.pk, model)
    recording.refresh_from_db()
    return recording


def test_recording_is_kept_for_its_speaker_alone_and_queued(alice, enqueued):
    recording = add_recording(alice, upload())
    assert recording.audio_path.read_bytes() == tone()
    assert stat.S_IMODE(os.stat(recording.audio_path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(recording.audio_path.parent).st_mode) == 0o700
    assert enqueued == [("voice_app", str(recording.pk))]


def test_text_and_times_are_on_the_row_and_the_sound_is_gone(alice, model, enqueued):
    recording = heard(alice, model)
    assert (recording.state, recording.text) == (JobState.DONE, "Run the tests.")
    assert recording.segments == [{"start": 0, "end": 1, "text": "Run the tests."}]
    assert (recording.seconds, recording.seconds_done) == (1.0, 1.0)
    assert not recording.audio_path.exists()


def test_sound_is_kept_for_as_long_as_the_site_wants(alice, model, enqueued, settings):
    settings.CAM_VOICE_KEEP_MINUTES = 90
    recording = heard(alice, model)
    now = timezone.now()
    os.utime(recording.audio_path, (now.timestamp() - 6000,) * 2)
    tidy(now + timedelta(minutes=80))
    assert recording.audio_path.exists()
    tidy(now + timedelta(minutes=100))
    assert not recording.audio_path.exists()
    assert not Recording.objects.exists()


@pytest.mark.parametrize(
    ("choices", "asked", "expected"),
    [
        ({}, {}, ("base", None)),
        ({"language": "de"}, {}, ("base", "de")),
        ({"language": "de"}, {"language": "auto"}, ("base", None)),
        ({}, {"language": "fr"}, ("base", "fr")),
    ],
)
def test_choices_of_the_user_and_of_the_call(alice, model, enqueued, choices, asked, expected):
    VoiceChoices.objects.create(user=alice, **choices)
    heard(alice, model, **asked)
    assert model.asked[0][1:] == expected


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "empty"), (b"hello" * 50, "no recording"), (b"\0" * 50, "no rec")]
)
def test_what_is_no_recording_is_refused_before_it_is_kept(alice, data, words, settings):
    with pytest.raises(InvalidRequest, match=words):
        add_recording(alice, upload(data))
    assert not Recording.objects.exists()
    assert not Path(settings.CAM_VOICE_DIR).exists()


def test_large_files_and_missing_models_are_refused(alice, settings):
    settings.CAM_VOICE_MAX_MB = 1
    with pytest.raises(InvalidRequest, match="larger than 1 MB"):
        add_recording(alice, upload(tone() + bytes(1_000_000)))
    with pytest.raises(InvalidRequest, match="model small is not on this site"):
        add_recording(alice, upload(), model="small")


def test_nobody_fills_the_queue(alice, enqueued):
    for _ in range(MAX_WAITING):
        add_recording(alice, upload())
    with pytest.raises(LimitReached):
        add_recording(alice, upload())


@pytest.mark.parametrize(
    ("data", "error", "heard_text", "words"),
    [
        (tone(8), None, "x", "longer than 5 seconds"),
        (tone(0), None, "x", "no sound"),
        (None, None, "", "No speech was heard"),
        (None, ModelMissing("fetch it"), "x", "fetch it"),
        (None, UnknownLanguage("no language xx"), "x", "no language xx"),
        (None, RuntimeError("secret /srv/path"), "x", "reason in the log"),
    ],
)
def test_failure_is_on_the_row_in_words(
    alice, model, enqueued, settings, data, error, heard_text, words
):
    settings.CAM_VOICE_MAX_SECONDS = 5
    model.error, model.heard = error, heard_text
    recording = heard(alice, model, data)
    assert recording.state == JobState.FAILED
    assert words in recording.error
    assert not recording.audio_path.exists()


def test_recording_is_listened_to_once_and_one_that_is_gone_is_quiet(alice, model, enqueued):
    recording = heard(alice, model)
    listen(recording.pk, model)
    recording.delete()
    listen(recording.pk, model)
    assert len(model.asked) == 1


def test_what_a_broker_lost_is_asked_for_again(alice, enqueued):
    recording = add_recording(alice, upload())
    tidy(timezone.now() + timedelta(minutes=1))
    assert enqueued == [("voice_app", str(recording.pk))] * 2


def test_what_a_worker_died_of_is_given_up(alice, enqueued):
    recording = add_recording(alice, upload())
    Recording.objects.update(state=JobState.RUNNING, started_at=timezone.now())
    tidy(timezone.now() + timedelta(minutes=11))
    recording.refresh_from_db()
    assert (recording.state, "Try again" in recording.error) == (JobState.FAILED, True)


def test_files_of_nobody_are_removed(alice, enqueued):
    recording = add_recording(alice, upload())
    path = recording.audio_path
    Recording.objects.all().delete()
    tidy(timezone.now())
    assert path.exists()  # its row may be on its way
    tidy(timezone.now() + timedelta(minutes=1))
    assert not path.exists()


def test_worker_says_what_it_holds():
    services.tell_loaded("base")
    services.tell_loaded("")
    assert VoiceWorker.objects.get().loaded == ""
