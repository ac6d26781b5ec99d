"""How far the text is behind somebody who speaks, from the microphone's socket back to it."""

import argparse
import io
import json
import math
import statistics
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field

import av
import numpy as np
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from websockets.sync.client import ClientConnection, connect

from bench.portal import Portal
from bench.speech import SENTENCES, error_rate
from bench.tables import median_and_range, percentile, print_table
from tests.voice_app.speech import FORMATS, spoken

GOAL_SECONDS = 0.5
CHUNK_SECONDS = 0.1
SILENCE_SECONDS = 1.5
LOUD = 500  # of 32768
PACKET_SAMPLES, PACKET_MS = 960, 20  # of Opus, at 48 kHz
AS_IT_COMES = {"live": "1", "cluster_time_limit": str(PACKET_MS)}


@dataclass
class Heard:
    text: str = ""
    last: float = 0
    behind: list[float] = field(default_factory=list)


def run(portal: Portal, options: argparse.Namespace) -> None:  # noqa: ARG001
    portal.client.get("")
    url = f"{portal.stack.url.replace('http', 'ws', 1)}/ws/pages/speech/"
    browser = Client()
    browser.force_login(get_user_model().objects.get(username="alice"))
    name = settings.SESSION_COOKIE_NAME
    headers = {"Cookie": f"{name}={browser.cookies[name].value}"}

    def speak(text: str) -> Heard:
        with connect(url, additional_headers=headers, origin=portal.stack.url) as socket:
            return _speak(socket, text)

    speak(SENTENCES[0])  # finds a model that is not loaded
    print_table(
        "Speech: text while somebody speaks, seconds. Behind: how old the newest sound is that a text is made "
        f"of when it comes (goal: less than {GOAL_SECONDS}). Last word: from its end until its text stands",
        ("said", "texts", "behind", "95 %", "last word", "word errors"),
        [
            _row("ten sentences, each by itself", {text: speak(text) for text in SENTENCES}),
            _row("the same in one go", {text: speak(text) for text in (" ".join(SENTENCES),)}),
        ],
    )


def _row(name: str, said: dict[str, Heard]) -> tuple[object, ...]:
    behind = [seconds for heard in said.values() for seconds in heard.behind]
    return (
        name,
        len(behind),
        median_and_range(behind, 2),
        f"{percentile(behind, 95):.2f}",
        median_and_range([heard.last for heard in said.values()], 2),
        f"{statistics.mean(error_rate(text, heard.text) for text, heard in said.items()):.3f}",
    )


def _speak(socket: ClientConnection, text: str) -> Heard:
    """At the pace of speech."""
    heard, ended = Heard(), 0.0
    sent = [time.perf_counter()]  # the beginning, and each chunk
    for chunk, is_loud in _chunks(text):
        until = time.perf_counter() + CHUNK_SECONDS
        while (left := until - time.perf_counter()) > 0:
            try:
                row = json.loads(socket.recv(timeout=left))
            except TimeoutError:
                break
            now = time.perf_counter()
            so_far = f"{row['text']} {row['interim']}".strip()
            if so_far != heard.text:
                heard.text, heard.last = so_far, now - ended
                heard.behind.append(now - sent[math.ceil(row["seconds"] / CHUNK_SECONDS)])
        socket.send(chunk)
        sent.append(time.perf_counter())
        if is_loud:
            ended = sent[-1]
    return heard


def _chunks(text: str) -> Iterator[tuple[bytes, bool]]:
    """What a browser's recorder makes of it, CHUNK_SECONDS at a time, with silence behind it; and whether one
    can be heard.
    """
    with wave.open(io.BytesIO(spoken(text))) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    samples = np.concatenate((samples, np.zeros(int(SILENCE_SECONDS * rate), "<i2")))
    step = int(CHUNK_SECONDS * rate)
    container, codec, encoded_rate = FORMATS["webm"]
    made = _Pipe()
    with av.open(made, "w", format=container, options=AS_IT_COMES) as target:
        stream = target.add_stream(codec, rate=encoded_rate, layout="mono")
        resampler = av.AudioResampler(
            format=stream.format.name, layout="mono", rate=encoded_rate, frame_size=PACKET_SAMPLES
        )
        for begin in range(0, len(samples), step):
            piece = samples[begin : begin + step]
            frame = av.AudioFrame.from_ndarray(piece[np.newaxis], format="s16", layout="mono")
            frame.rate = rate
            for part in resampler.resample(frame):
                target.mux(stream.encode(part))
            yield made.take(), bool(np.abs(piece).max() > LOUD)


class _Pipe:
    """A file that cannot be gone back in, as a recording that is sent while it is made."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken
