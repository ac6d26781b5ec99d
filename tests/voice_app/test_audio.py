"""Recordings read: by content, bounded, whatever they claim to be."""

import io
import struct
import time

import numpy as np
import pytest

from tests.voice_app.speech import FORMATS, converted, tone, wav
from voice_app.audio import SAMPLE_RATE, AudioError, decode, format_of


def decoded(data, max_seconds=60, **options):
    return decode(io.BytesIO(data), max_seconds, **options)


def rising(seconds):
    """A WAV file of a tone whose loudness tells the time."""
    times = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    samples = np.sin(2 * np.pi * 440 * times) * 30_000 * times / seconds
    return wav(samples.astype("<i2"))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_sound(name):
    samples = decoded(converted(tone(2), name))
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(2 * SAMPLE_RATE, rel=0.06)
    loudest = np.argmax(np.abs(np.fft.rfft(samples))) * SAMPLE_RATE / len(samples)
    assert loudest == pytest.approx(440, abs=2)


def test_wav_of_any_rate_is_resampled():
    assert len(decoded(tone(1, rate=44_100))) == pytest.approx(SAMPLE_RATE, abs=50)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"R", "no recording"),
        (b"hello, this is text" * 100, "no recording"),
        (b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n", "no recording"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "no recording"),
        (tone()[:20], "damaged"),
        (b"RIFF\xff\xff\xff\xffWAVE" + bytes(range(256)) * 40, "damaged"),
        (b"\x1a\x45\xdf\xa3" + b"\xff" * 4000, "damaged"),
        (b"OggS" + bytes(5000), "damaged"),
        (b"\0\0\0\x20ftypM4A " + bytes(5000), "damaged"),
        (b"ID3" + b"\xff" * 5000, "damaged"),
        (b"\xff", "no recording"),
        (tone(0), "no sound"),
    ],
    ids=str,
)
def test_what_is_no_recording_is_refused_in_words(data, words):
    began = time.monotonic()
    with pytest.raises(AudioError, match=words):
        decoded(data)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("name", ["webm", "ogg", "mp3"])
def test_recording_that_breaks_off_is_no_crash(name):
    data = converted(tone(3), name)
    for share in (0.2, 0.5, 0.9):
        try:
            samples = decoded(data[: int(len(data) * share)])
        except AudioError:
            continue
        assert 0 < len(samples) <= 3.2 * SAMPLE_RATE


@pytest.mark.parametrize("name", ["wav", *FORMATS])
def test_sound_before_the_beginning_is_left_out_and_not_decoded(name):
    data = rising(8) if name == "wav" else converted(rising(8), name)
    whole = decoded(data)
    late = decoded(data, max_seconds=2.5, begin=5.7)
    assert len(late) == pytest.approx(len(whole) - 5.7 * SAMPLE_RATE, abs=0.03 * SAMPLE_RATE)
    window = SAMPLE_RATE // 20
    loudness = [np.abs(part[:window]).max() for part in (late, whole[int(5.7 * SAMPLE_RATE) :])]
    assert loudness[0] == pytest.approx(loudness[1], abs=0.03)


@pytest.mark.parametrize("name", ["webm", "ogg"])
def test_sound_so_far_is_read_from_the_middle_of_a_file_that_still_grows(name):
    data = converted(tone(8), name)
    arrived = data[: len(data) * 3 // 4]
    so_far = decoded(arrived, is_whole=False)
    late = decoded(arrived, is_whole=False, begin=4)
    assert len(late) == pytest.approx(len(so_far) - 4 * SAMPLE_RATE, abs=0.03 * SAMPLE_RATE)
    with pytest.raises(AudioError, match="no sound"):
        decoded(arrived, is_whole=False, begin=20)


def test_length_is_counted_and_not_believed():
    data = bytearray(tone(1))
    struct.pack_into("<I", data, 4, 0xFFFFFFF0)
    struct.pack_into("<I", data, 40, 10 * 3600 * SAMPLE_RATE * 2)
    assert len(decoded(bytes(data))) == pytest.approx(SAMPLE_RATE, abs=50)


def test_too_long_ends_as_soon_as_it_is():
    with pytest.raises(AudioError, match="longer than 2 seconds"):
        decoded(tone(30), max_seconds=2)


def test_format_is_told_by_content():
    assert format_of(tone()[:64]) == "wav"
    assert format_of(converted(tone(), "m4a")[:64]) == "mov"
