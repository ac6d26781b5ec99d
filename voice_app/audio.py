"""Recordings as samples. What people upload is hostile: formats are told by content, lengths by counting.

Imports no Django. The decoder is loaded with the first recording: web pages import this module, too.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import av
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

SAMPLE_RATE = 16_000
HEAD_BYTES = 12
# An Opus decoder needs 80 ms of sound before what it gives rightly (RFC 7845, section 4.6).
PREROLL_SECONDS = 0.1
# A microphone's packets are of 20 ms or so; each piece costs a call, whatever its length.
PIECE_SAMPLES = SAMPLE_RATE // 10


class AudioError(Exception):
    """The recording cannot be used; `str()` says why, for a person."""


def format_of(head: bytes) -> str:
    """FFmpeg's name for a file's format, by its first HEAD_BYTES. Raises AudioError.

    Nothing else is tried: among FFmpeg's formats are playlists, which open other files.
    """
    if not head:
        raise AudioError("The recording is empty.")
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if head[:4] == b"OggS":
        return "ogg"
    if head[4:8] == b"ftyp":
        return "mov"
    if head[:3] == b"ID3" or (head[0] == 0xFF and len(head) > 1 and head[1] & 0xE0 == 0xE0):
        return "mp3"
    raise AudioError("This is no recording that can be read: send WAV, WebM, Ogg, MP3 or M4A.")


def decode(
    file: BinaryIO, max_seconds: float, *, is_whole: bool = True, begin: float = 0
) -> "Samples":
    """One channel at SAMPLE_RATE, from -1 to 1. Raises AudioError.

    Decoding ends as soon as there is more than `max_seconds`, whatever the header says. Of a file that is
    not whole yet, what comes before its broken end is what there is. What comes before `begin`, in seconds,
    is left out, and costs next to nothing.
    """
    import av
    import av.error
    import numpy as np

    head = file.read(HEAD_BYTES)
    file.seek(0)
    name = format_of(head)
    parts: list[NDArray[np.int16]] = []
    count, limit = 0, max_seconds * SAMPLE_RATE
    first: float | None = None
    try:
        with av.open(file, "r", format=name, metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise AudioError("There is no sound in this file.")
            resampler = av.AudioResampler(
                format="s16", layout="mono", rate=SAMPLE_RATE, frame_size=PIECE_SAMPLES
            )
            for frame in _frames(container, begin):
                first = frame.time if first is None else first
                for part in resampler.resample(frame):
                    parts.append(_samples_of(part))
                    count += part.samples
                if count > limit:
                    raise AudioError(f"The recording is longer than {max_seconds:g} seconds.")
            parts += [_samples_of(part) for part in resampler.resample(None)]
    except (av.error.FFmpegError, ValueError, IndexError, OverflowError) as exc:
        if is_whole or not parts:
            raise AudioError("The recording is damaged or cut off.") from exc
    early = begin - first if begin and first is not None else 0
    samples = np.concatenate(parts or [np.empty(0, np.int16)])[max(0, int(early * SAMPLE_RATE)) :]
    if not len(samples):
        raise AudioError("There is no sound in this file.")
    return samples.astype(np.float32) / np.float32(32768)


def _frames(container: "av.container.InputContainer", begin: float) -> Iterator["av.AudioFrame"]:
    """Those from `begin` on, and what the decoder needs before them."""
    import av
    import av.error

    wanted = begin - PREROLL_SECONDS if begin else float("-inf")
    if begin:
        with suppress(av.error.FFmpegError):  # then all of it is gone through
            container.seek(int(max(0, wanted) * av.time_base))
    for packet in container.demux(container.streams.audio[0]):
        if packet.pts is None or packet.pts * packet.time_base >= wanted:
            yield from packet.decode()


def _samples_of(frame: "av.AudioFrame") -> "NDArray[np.int16]":
    return frame.to_ndarray().reshape(-1).astype("int16", copy=False)
