"""Recordings for tests: tones and real speech, in every format that browsers and phones make."""

import io
import math
import subprocess
import wave

import av
import numpy as np

SAMPLE_RATE = 16_000
# Container, codec and rate, by the name of the format.
FORMATS = {
    "webm": ("webm", "libopus", 48_000),
    "ogg": ("ogg", "libopus", 48_000),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "m4a": ("ipod", "aac", 44_100),
}


def tone(seconds=1.0, *, rate=SAMPLE_RATE):
    """A WAV file with a tone of 440 Hz."""
    times = np.arange(int(seconds * rate)) / rate
    return wav((np.sin(2 * math.pi * 440 * times) * 8000).astype("<i2"), rate)


def wav(samples, rate=SAMPLE_RATE):
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return made.getvalue()


def spoken(text):
    """A WAV file of espeak-ng saying it."""
    return subprocess.run(
        ["espeak-ng", "-v", "en-us", "-s", "140", "--stdout", text], check=True, capture_output=True
    ).stdout


def converted(sound, name):
    """A WAV file's sound in another format."""
    container_name, codec, rate = FORMATS[name]
    made = io.BytesIO()
    with av.open(io.BytesIO(sound)) as source, av.open(made, "w", format=container_name) as target:
        stream = target.add_stream(codec, rate=rate, layout="mono")
        resampler = av.AudioResampler(
            format=stream.format.name,
            layout="mono",
            rate=rate,
            frame_size=stream.frame_size or None,
        )
        for frame in (*source.decode(audio=0), None):
            for part in resampler.resample(frame):
                target.mux(stream.encode(part))
        target.mux(stream.encode(None))
    return made.getvalue()
