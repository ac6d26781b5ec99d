"""How far the text is behind somebody who speaks, from the microphone's socket back to it."""

import argparse
import io
import json
import statistics
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from websockets.sync.client import ClientConnection, connect

from bench.portal import Portal
from bench.speech import SENTENCES, error_rate
from bench.tables import median_and_range, percentile, print_table
from tests.voice_app.speech import spoken, wav

GOAL_SECONDS = 0.5
CHUNK_SECONDS = 0.1
SILENCE_SECONDS = 1.5
LOUD = 500  # of 32768


def run(portal: Portal, options: argparse.Namespace) -> None:  # noqa: ARG001
    portal.client.get("")
    url = f"{portal.stack.url.replace('http', 'ws', 1)}/ws/pages/speech/"
    browser = Client()
    browser.force_login(get_user_model().objects.get(username="alice"))
    name = settings.SESSION_COOKIE_NAME
    headers = {"Cookie": f"{name}={browser.cookies[name].value}"}
    behind, last, rates = [], [], []
    for number, sentence in enumerate((SENTENCES[0], *SENTENCES)):
        with connect(url, additional_headers=headers, origin=portal.stack.url) as socket:
            heard = _speak(socket, sentence)
        if number:  # the first one finds a model that is not loaded
            behind += heard.behind
            last.append(heard.last)
            rates.append(error_rate(sentence, heard.text))
    print_table(
        "Speech: text while somebody speaks, seconds. Behind: how old the newest sound is that a text is made "
        f"of when it comes (goal: less than {GOAL_SECONDS}). Last word: from its end until its text stands",
        ("sentences", "texts", "behind", "95 %", "last word", "word errors"),
        [
            (
                len(last),
                len(behind),
                median_and_range(behind, 2),
                f"{percentile(behind, 95):.2f}",
                median_and_range(last, 2),
                f"{statistics.mean(rates):.3f}",
            )
        ],
    )


@dataclass
class Heard:
    text: str = ""
    last: float = 0
    behind: list[float] = field(default_factory=list)


def _speak(socket: ClientConnection, sentence: str) -> Heard:
    """At the pace of speech."""
    heard, ended = Heard(), 0.0
    sent = [time.perf_counter()]  # the header after it, and each chunk
    for chunk, is_loud in _chunks(sentence):
        until = time.perf_counter() + CHUNK_SECONDS
        while (left := until - time.perf_counter()) > 0:
            try:
                row = json.loads(socket.recv(timeout=left))
            except TimeoutError:
                break
            now = time.perf_counter()
            text = f"{row['text']} {row['interim']}".strip()
            if text != heard.text:
                heard.text, heard.last = text, now - ended
                heard.behind.append(now - sent[round(row["seconds"] / CHUNK_SECONDS) + 1])
        socket.send(chunk)
        sent.append(time.perf_counter())
        if is_loud:
            ended = sent[-1]
    return heard


def _chunks(sentence: str) -> Iterator[tuple[bytes, bool]]:
    """A WAV file in pieces of CHUNK_SECONDS, with silence behind it; and whether one can be heard."""
    with wave.open(io.BytesIO(spoken(sentence))) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    silence = np.zeros(int(SILENCE_SECONDS * rate), "<i2")
    samples = np.concatenate((samples, silence))
    header = wav(samples, rate)[:44]
    step = int(CHUNK_SECONDS * rate)
    yield header, False
    for begin in range(0, len(samples), step):
        piece = samples[begin : begin + step]
        yield piece.tobytes(), bool(np.abs(piece).max() > LOUD)
