"""Text of speech that still goes on: quick, and good enough to follow until the final text replaces it.

The encoder is given the sound that there is and a little silence, not the 30 s that it was trained on, and
nothing is tried twice: with less silence than PADDING_SECONDS the model repeats itself. Knows no Django.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voice_app.audio import SAMPLE_RATE

if TYPE_CHECKING:
    from voice_app.audio import Samples

PADDING_SECONDS = 3
LEAD_SECONDS = 0.2
PAUSE_SECONDS = 0.3
# A pause settles what was said before it, once it is worth a piece; without pauses, a piece is cut off.
MIN_PIECE_SECONDS = 2
MAX_PIECE_SECONDS = 6
FRAME_SAMPLES = 160
TOKENS_A_SECOND = 8
SPARE_TOKENS = 10
REPEATED_TOKENS = 3


@dataclass(frozen=True)
class Interim:
    """`settled_seconds` of the sound need not be listened to again; where it is 0, `text` may change."""

    text: str
    settled_seconds: float


def listen_so_far(model: Any, samples: "Samples", language: str | None) -> Interim:
    """`model` is a WhisperModel, `samples` what came since the last piece that is settled."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    length = len(samples) / SAMPLE_RATE
    pause_ms = int(PAUSE_SECONDS * 1000)
    speech = get_speech_timestamps(samples, VadOptions(min_silence_duration_ms=pause_ms))
    if not speech:
        return Interim("", max(0.0, length - 2 * PAUSE_SECONDS))
    begin = max(0, speech[0]["start"] - int(LEAD_SECONDS * SAMPLE_RATE))
    text = _decode(model, samples[begin:], language)
    has_paused = length - speech[-1]["end"] / SAMPLE_RATE > PAUSE_SECONDS
    is_settled = length > (MIN_PIECE_SECONDS if has_paused else MAX_PIECE_SECONDS)
    return Interim(text, length if is_settled else 0.0)


def _decode(model: Any, samples: "Samples", language: str | None) -> str:
    import numpy as np
    from faster_whisper.tokenizer import Tokenizer

    silence = np.zeros(PADDING_SECONDS * SAMPLE_RATE, np.float32)
    features = model.feature_extractor(np.concatenate((samples, silence)))
    frames = (len(samples) + len(silence)) // FRAME_SAMPLES
    encoded = model.encode(features[:, :frames])
    if language is None:
        likeliest = model.model.detect_language(encoded)[0][0][0]
        language = likeliest.strip("<|>")
    tokenizer = Tokenizer(
        model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language
    )
    prompt = model.get_prompt(tokenizer, [], without_timestamps=True)
    most = SPARE_TOKENS + int(TOKENS_A_SECOND * len(samples) / SAMPLE_RATE)
    heard = model.model.generate(
        encoded,
        [prompt],
        beam_size=1,
        max_length=len(prompt) + most,
        no_repeat_ngram_size=REPEATED_TOKENS,
    )
    return str(tokenizer.decode(heard[0].sequences_ids[0])).strip()
