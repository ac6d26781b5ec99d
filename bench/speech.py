"""Speech: the service, warm, beside faster-whisper in one process and beside a command, on the same recordings."""

import argparse
import io
import logging
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings

from bench.portal import Portal
from bench.tables import median_and_range, print_table
from tests.voice_app.speech import spoken
from voice_app.audio import decode
from voice_app.whisper import BATCH_SIZE, BEAM_SIZE

SENTENCES = (
    "Please run the tests and fix what fails.",
    "The cart adds up the prices of all items, but it forgets the discount when there is more than one.",
    "Look at the function that reads the configuration file, and tell me why it is called twice.",
    "Write a test that shows the mistake before you change anything.",
    "When the server answers with an error, the page should say what to do, and keep what was typed.",
    "Move the parsing into a module of its own, so that it can be tested without a database.",
    "After that, update the documentation and the list of changes.",
    "Do not touch the migrations, and ask me before you delete a file.",
    "The last release was slower than the one before, so measure how long a page takes to open.",
    "If nothing else is open, commit the changes on a branch of their own.",
)
LENGTHS = {5: slice(1, 2), 15: slice(3), 60: slice(10)}  # seconds of speech, about: sentences
ROUNDS = 5
FIXED_SECONDS = 0.15
GOAL_RATIO, GOAL_SPEEDUP = 1.1, 1.7
COMMAND = "whisper-ctranslate2"
# Threads, beam, whether batched.
TRIED = [
    (threads, beam, batched)
    for threads in (1, 2, 4)
    for beam in (1, 5)
    for batched in (False, True)
]


def run(portal: Portal, options: argparse.Namespace) -> None:  # noqa: ARG001
    logging.getLogger("faster_whisper").setLevel(logging.WARNING)
    model = Path(settings.CAM_WHISPER_DIR) / "base"
    speech = {seconds: " ".join(SENTENCES[part]) for seconds, part in LENGTHS.items()}
    sounds = {seconds: spoken(text) for seconds, text in speech.items()}
    _compare(portal, model, speech, sounds)
    _try_settings(model, speech, sounds)


def _compare(portal: Portal, model: Path, speech: dict[int, str], sounds: dict[int, bytes]) -> None:
    from faster_whisper import WhisperModel

    bare = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=_threads())
    url = f"{portal.stack.url}/api/voice/transcribe"

    def ask(sound: bytes) -> str:
        files = {"file": ("speech.wav", sound)}
        answer = portal.client.http.post(url, files=files, data={"language": "en"}, timeout=120)
        return str(answer.raise_for_status().json()["text"])

    ask(sounds[5])
    rows = []
    with tempfile.TemporaryDirectory(prefix="cam-bench-speech-") as folder:
        command = _command(Path(folder), model)
        for seconds, sound in sounds.items():
            heard: dict[str, str] = {}
            times: dict[str, list[float]] = {"service": [], "bare": [], "command": []}
            for _ in range(ROUNDS):  # side by side, so that a busy moment is everyone's
                _time("service", partial(ask, sound), times, heard)
                _time("bare", partial(_decode_and_listen, bare, sound), times, heard)
                if command:
                    _time("command", partial(command, sound), times, heard)
            service, alone = (statistics.median(times[name]) for name in ("service", "bare"))
            speedup = statistics.median(times["command"]) / service if command else float("nan")
            length = len(decode(io.BytesIO(sound), 600)) / 16_000
            rows.append(
                (
                    f"{length:.1f} s",
                    median_and_range(times["service"], 2),
                    median_and_range(times["bare"], 2),
                    f"{(service - FIXED_SECONDS) / alone:.2f}",
                    f"{service / length:.3f}",
                    f"{speedup:.1f}",
                    " ".join(f"{error_rate(speech[seconds], text):.3f}" for text in heard.values()),
                )
            )
    print_table(
        f"Speech: the service beside faster-whisper alone, seconds (goal: at most {GOAL_RATIO} beyond "
        f"{FIXED_SECONDS} s) and beside {COMMAND} (goal: {GOAL_SPEEDUP} times faster for 5 s)",
        ("speech", "service", "alone", "ratio", "real-time", "faster than command", "word errors"),
        rows,
    )


def _time(
    name: str, act: Callable[[], str], times: dict[str, list[float]], heard: dict[str, str]
) -> None:
    began = time.perf_counter()
    heard[name] = act()
    times[name].append(time.perf_counter() - began)


def _decode_and_listen(model: Any, sound: bytes) -> str:
    return _listen(model, decode(io.BytesIO(sound), 600))


def _listen(model: Any, samples: Any, *, beam: int = BEAM_SIZE, batched: bool = True) -> str:
    from faster_whisper import BatchedInferencePipeline

    options: dict[str, Any] = {"beam_size": beam, "language": "en", "vad_filter": True}
    if batched:
        segments, _ = BatchedInferencePipeline(model=model).transcribe(
            samples, batch_size=BATCH_SIZE, **options
        )
    else:
        segments, _ = model.transcribe(samples, **options)
    return " ".join(segment.text.strip() for segment in segments)


def _command(folder: Path, model: Path) -> Callable[[bytes], str] | None:
    """The command in an environment of its own; None, with a word, where it cannot be had."""
    environment = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    installed = subprocess.run(
        [environment / "bin/pip", "install", "--quiet", COMMAND], capture_output=True
    )
    if installed.returncode:
        print(f"{COMMAND} could not be installed: the comparison with it is left out")
        return None

    def listen(sound: bytes) -> str:
        path = folder / "speech.wav"
        path.write_bytes(sound)
        subprocess.run(
            [
                *(environment / "bin" / COMMAND, path, "--model_directory", model),
                *("--language", "en", "--compute_type", "int8", "--threads", str(_threads())),
                *("--vad_filter", "True", "--output_dir", folder, "--output_format", "txt"),
            ],
            check=True,
            capture_output=True,
        )
        return (folder / "speech.txt").read_text()

    return listen if shutil.which(environment / "bin" / COMMAND) else None


def _try_settings(model: Path, speech: dict[int, str], sounds: dict[int, bytes]) -> None:
    from faster_whisper import WhisperModel

    rows = []
    samples = {seconds: decode(io.BytesIO(sound), 600) for seconds, sound in sounds.items()}
    for threads, beam, batched in TRIED:
        loaded = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=threads)
        cells = []
        for seconds, sound in samples.items():
            times: dict[str, list[float]] = {"it": []}
            heard: dict[str, str] = {}
            for _ in range(3):
                _time(
                    "it", partial(_listen, loaded, sound, beam=beam, batched=batched), times, heard
                )
            cells.append(f"{min(times['it']):.2f} ({error_rate(speech[seconds], heard['it']):.3f})")
        rows.append((f"{threads} threads, beam {beam}{', batched' if batched else ''}", *cells))
    print_table(
        "Settings on this machine: best of 3, seconds (word errors)",
        ("settings", *(f"{seconds} s" for seconds in samples)),
        rows,
    )


def _threads() -> int:
    return settings.CAM_WHISPER_THREADS or os.cpu_count() or 1


def error_rate(said: str, heard: str) -> float:
    """Words changed, left out or added, of those that were said."""
    wanted, got = (re.findall(r"[a-z0-9']+", text.lower()) for text in (said, heard))
    row = list(range(len(got) + 1))
    for number, word in enumerate(wanted, 1):
        before, row[0] = row[0], number
        for place, other in enumerate(got, 1):
            before, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, before + (word != other)),
            )
    return row[-1] / len(wanted)
