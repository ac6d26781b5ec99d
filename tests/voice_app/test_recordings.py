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
from tests.voice_app.speech import converted, tone
from voice_app import services
from voice_app.audio import AudioError
from voice_app.interim import Interim
from voice_app.models import Recording, VoiceChoices, VoiceWorker
from voice_app.services import (
    MAX_WAITING,
    abandon,
    add_recording,
    add_sound,
    begin_recording,
    end_recording,
    listen,
    listen_so_far,
    tidy,
)
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
    assert enqueued == [("transcribe", str(recording.pk))]


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
    assert not list(Path(settings.CAM_VOICE_DIR).glob("*"))


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
    assert enqueued == [("transcribe", str(recording.pk))] * 2


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


# While it arrives


@pytest.fixture
def arriving(alice, enqueued):
    recording = begin_recording(alice)
    add_sound(recording, tone(4))
    return recording


def heard_so_far(recording, model):
    listen_so_far(recording.pk, model)
    recording.refresh_from_db()
    return recording.text, recording.interim, recording.seconds_done


def test_what_is_settled_is_not_listened_to_again(arriving, model):
    assert heard_so_far(arriving, model) == ("", "Run the", 0)
    model.interim = Interim("Run the tests.", 3.0)
    assert heard_so_far(arriving, model) == ("Run the tests.", "", 3.0)
    model.interim = Interim("And", 0)
    assert heard_so_far(arriving, model) == ("Run the tests.", "And", 3.0)
    assert [samples for samples, *_ in model.asked] == [64_000, 64_000, 16_000]


def test_no_more_is_listened_to_than_a_recording_may_be_long(arriving, model, settings):
    settings.CAM_VOICE_MAX_SECONDS = 3.5
    model.interim = Interim("Run the tests.", 2.0)
    assert heard_so_far(arriving, model) == ("", "", 0)
    settings.CAM_VOICE_MAX_SECONDS = 4.5
    assert heard_so_far(arriving, model) == ("Run the tests.", "", 2.0)
    settings.CAM_VOICE_MAX_SECONDS = 3.5
    assert heard_so_far(arriving, model) == ("Run the tests.", "", 2.0)
    assert len(model.asked) == 1


def test_final_text_takes_the_place_of_what_was_heard_so_far(arriving, model, enqueued):
    model.interim = Interim("Rum the test", 3.0)
    listen_so_far(arriving.pk, model)
    end_recording(arriving)
    assert enqueued == [("transcribe", str(arriving.pk))]
    listen(arriving.pk, model)
    arriving.refresh_from_db()
    assert (arriving.text, arriving.interim, arriving.seconds_done) == ("Run the tests.", "", 4.0)


def test_recording_that_still_arrives_is_not_transcribed_and_one_that_ended_not_followed(
    arriving, model
):
    listen(arriving.pk, model)
    assert not model.asked
    end_recording(arriving)
    end_recording(arriving)
    listen_so_far(arriving.pk, model)
    assert not model.asked


@pytest.mark.parametrize(
    "error", [ModelMissing("fetch it"), UnknownLanguage("xx"), AudioError("no sound")]
)
def test_what_is_wrong_is_said_at_the_end(arriving, model, error):
    model.error = error
    assert heard_so_far(arriving, model) == ("", "", 0)
    assert arriving.state == JobState.ARRIVING


def test_half_a_file_is_listened_to_as_far_as_it_goes(alice, model, enqueued):
    webm = converted(tone(4), "webm")
    recording = begin_recording(alice)
    add_sound(recording, webm[: len(webm) // 2])
    listen_so_far(recording.pk, model)
    assert 16_000 < model.asked[0][0] < 48_000


def test_sound_may_begin_with_a_single_byte(alice, model, enqueued):
    webm = converted(tone(2), "webm")
    recording = begin_recording(alice)
    for piece in (webm[:1], webm[1:3], webm[3:]):
        add_sound(recording, piece)
    assert recording.audio_path.read_bytes() == webm
    other = begin_recording(alice)
    add_sound(other, b"h")
    with pytest.raises(InvalidRequest, match="no recording"):
        add_sound(other, b"ello" * 5)


def test_sound_is_limited_and_its_beginning_looked_at(alice, enqueued, settings):
    settings.CAM_VOICE_MAX_MB = 1
    recording = begin_recording(alice)
    with pytest.raises(InvalidRequest, match="no recording"):
        add_sound(recording, b"hello" * 50)
    with pytest.raises(InvalidRequest, match="empty"):
        end_recording(recording)
    add_sound(recording, tone())
    with pytest.raises(InvalidRequest, match="larger than 1 MB"):
        add_sound(recording, bytes(1_000_000))
    assert recording.audio_path.read_bytes() == tone()


def test_abandoned_recording_is_gone_and_one_that_ended_stays(arriving, alice):
    abandon(arriving)
    assert not arriving.audio_path.exists()
    ended = begin_recording(alice)
    add_sound(ended, tone())
    end_recording(ended)
    abandon(ended)
    assert list(Recording.objects.all()) == [ended]
    assert ended.audio_path.exists()


def test_recording_that_never_ended_is_forgotten(arriving, enqueued):
    now = timezone.now()
    later = now + timedelta(minutes=5)
    os.utime(arriving.audio_path, (later.timestamp(),) * 2)
    tidy(later)
    assert Recording.objects.exists()
    tidy(later + timedelta(minutes=1))
    assert not Recording.objects.exists()
    assert not arriving.audio_path.exists()
    assert not enqueued


def test_worker_says_what_it_holds():
    services.tell_loaded("base")
    services.tell_loaded("")
    assert VoiceWorker.objects.get().loaded == ""
