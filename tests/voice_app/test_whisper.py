"""The warm model, without the weights: what is loaded stands in for them, the rest is real."""

import faster_whisper
import numpy as np
from threadpoolctl import threadpool_info

from voice_app.whisper import WarmModel


def test_no_threads_but_the_models_own_are_kept_busy(voice_site, monkeypatch):
    monkeypatch.setattr(faster_whisper, "WhisperModel", lambda *_, **__: object())
    silence = np.zeros(16_000, np.float32)
    model = WarmModel(threads=2, idle_seconds=3600)
    model.listen_so_far(silence, voice_site.CAM_WHISPER_DIR / "base", language=None)
    threads = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
    assert threads
    assert set(threads) == {1}
