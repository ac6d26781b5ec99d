"""Which sound is settled, with a model that hears the same in everything. The real one: tests/browser."""

import types

import numpy as np
import pytest

from voice_app import interim
from voice_app.audio import SAMPLE_RATE
from voice_app.interim import Interim, listen_so_far


@pytest.fixture
def listen(monkeypatch):
    """Listens to seconds of sound, in which there is speech from one second to another."""

    def ask(seconds, *speech):
        spans = [
            {"start": int(start * SAMPLE_RATE), "end": int(end * SAMPLE_RATE)}
            for start, end in speech
        ]
        decoded = []
        vad = types.SimpleNamespace(
            VadOptions=lambda **_options: None, get_speech_timestamps=lambda *_options: spans
        )
        monkeypatch.setitem(__import__("sys").modules, "faster_whisper.vad", vad)
        monkeypatch.setattr(
            interim, "_decode", lambda _model, samples, _language: decoded.append(samples) or "Run"
        )
        heard = listen_so_far(None, np.zeros(int(seconds * SAMPLE_RATE), np.float32), "en")
        return heard, [round(len(samples) / SAMPLE_RATE, 2) for samples in decoded]

    return ask


def test_silence_is_not_listened_to_and_settled(listen):
    assert listen(4) == (Interim("", 3.4), [])
    assert listen(0.3) == (Interim("", 0), [])


@pytest.mark.parametrize(
    ("seconds", "speech", "settled"),
    [
        (1.9, (0.5, 1.5), 0),  # a pause after too little
        (4, (0.5, 3.9), 0),  # no pause
        (2.1, (0.5, 1.7), 2.1),  # a pause
        (6.5, (0.5, 6.5), 6.5),  # too long without one
    ],
)
def test_pauses_settle_what_was_said(listen, seconds, speech, settled):
    assert listen(seconds, speech)[0] == Interim("Run", settled)


def test_silence_before_the_speech_is_left_out(listen):
    assert listen(4, (2, 4))[1] == [2.2]
