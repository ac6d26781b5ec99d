"""The speech model: loaded once in a process, kept warm, given back after a while without work.

Knows no Django. Figures behind the settings of `transcribe` are those of `make bench`.
"""

import ctypes
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voice_app.audio import SAMPLE_RATE
from voice_app.interim import Interim, listen_so_far

if TYPE_CHECKING:
    from voice_app.audio import Samples

BEAM_SIZE = 5
# What is longer than the model's 30 s is cut at silences, and the pieces listened to side by side.
BATCH_SIZE = 8


class ModelName(StrEnum):
    TINY = "tiny"
    BASE = "base"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class ModelMissing(Exception):
    """The model was never fetched here; `str()` says how to."""


class UnknownLanguage(Exception):
    """The model does not speak it; `str()` names the code."""


@dataclass(frozen=True)
class Segment:
    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Transcript:
    """`seconds` is how long the recording is, `language` a code such as en."""

    text: str
    segments: tuple[Segment, ...]
    language: str
    seconds: float


def is_present(folder: Path) -> bool:
    return (folder / "model.bin").is_file() and (folder / "config.json").is_file()


@dataclass
class WarmModel:
    """At most one model at a time. `told` is called with its name, or "" when it is given back."""

    threads: int
    idle_seconds: float
    told: Callable[[str], None] = lambda _name: None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _model: Any = None
    _folder: Path | None = None
    _timer: threading.Timer | None = None

    def transcribe(
        self,
        samples: "Samples",
        folder: Path,
        *,
        language: str | None,
        progress: Callable[[float], object] = lambda _seconds: None,
    ) -> Transcript:
        """`language` None: the model finds out. `progress` is given the seconds that are done.

        Raises ModelMissing or UnknownLanguage.
        """
        with self._warm(folder, language) as model:
            return self._listen(model, samples, language, progress)

    def listen_so_far(self, samples: "Samples", folder: Path, *, language: str | None) -> Interim:
        """As `transcribe`, for speech that still goes on; `samples` are what is not settled yet."""
        with self._warm(folder, language) as model:
            return listen_so_far(model, samples, language)

    @contextmanager
    def _warm(self, folder: Path, language: str | None) -> Iterator[Any]:
        with self._lock:
            self._stop_timer()
            try:
                model = self._load(folder)
                if language and language not in model.supported_languages:
                    raise UnknownLanguage(
                        f"The speech model knows no language with the code {language}."
                    )
                yield model
            finally:
                self._start_timer()

    def _load(self, folder: Path) -> Any:
        if self._folder != folder:
            if not is_present(folder):
                raise ModelMissing(
                    f"The speech model {folder.name} is not here. An administrator can fetch it: "
                    f".venv/bin/python manage.py fetch_whisper_model {folder.name}"
                )
            from faster_whisper import WhisperModel
            from threadpoolctl import threadpool_limits

            # OpenBLAS, which makes the features, has its threads wait by turning: in the way of the model's.
            threadpool_limits(limits=1, user_api="blas")
            self._forget()
            self._model = WhisperModel(
                str(folder), device="cpu", compute_type="int8", cpu_threads=self.threads
            )
            self._folder = folder
            self.told(folder.name)
        return self._model

    def _listen(
        self,
        model: Any,
        samples: "Samples",
        language: str | None,
        progress: Callable[[float], object],
    ) -> Transcript:
        from faster_whisper import BatchedInferencePipeline

        seconds = len(samples) / SAMPLE_RATE
        options = {"beam_size": BEAM_SIZE, "language": language, "vad_filter": True}
        pipeline = BatchedInferencePipeline(model=model)
        heard, info = pipeline.transcribe(samples, batch_size=BATCH_SIZE, **options)
        segments = []
        for one in heard:
            segments.append(Segment(round(one.start, 2), round(one.end, 2), one.text.strip()))
            progress(one.end)
        text = " ".join(segment.text for segment in segments if segment.text)
        return Transcript(text, tuple(segments), info.language, round(seconds, 2))

    def _start_timer(self) -> None:
        self._timer = threading.Timer(self.idle_seconds, self._give_back)
        self._timer.daemon = True
        self._timer.start()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _give_back(self) -> None:
        with self._lock:
            if self._model is not None:
                self._forget()
                self.told("")

    def _forget(self) -> None:
        self._model = self._folder = None
        gc.collect()
        # glibc keeps what was freed in its arenas unless it is asked.
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        except (OSError, AttributeError):
            return
