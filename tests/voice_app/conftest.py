import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.agents.conftest import agent, as_alice, as_bob  # noqa: F401 (fixtures)
from tests.voice_app.speech import tone
from voice_app import services
from voice_app.whisper import Segment, Transcript


class FakeModel:
    """Hears what it is told to hear."""

    def __init__(self):
        self.heard = "Run the tests."
        self.error = None
        self.asked = []

    def transcribe(self, samples, folder, *, language, progress):
        self.asked.append((len(samples), folder.name, language))
        if self.error:
            raise self.error
        progress(0.5)
        segments = (Segment(0, 1, self.heard),) if self.heard else ()
        return Transcript(self.heard, segments, language or "en", len(samples) / 16_000)


@pytest.fixture
def voice_site(settings, tmp_path, db):
    """A site with the model base, or what passes for it."""
    settings.CAM_VOICE_DIR = tmp_path / "voice"
    settings.CAM_WHISPER_DIR = tmp_path / "whisper"
    folder = tmp_path / "whisper/base"
    folder.mkdir(parents=True)
    for name in ("model.bin", "config.json"):
        (folder / name).touch()
    return settings


@pytest.fixture
def model():
    return FakeModel()


@pytest.fixture
def enqueued(monkeypatch):
    """The recordings that were handed to the voice worker."""
    keys = []
    monkeypatch.setattr(services, "enqueue", lambda _task, key, *, app: keys.append((app, key)))
    return keys


@pytest.fixture
def worker(monkeypatch, model):
    """A voice worker that is there at once."""
    monkeypatch.setattr(services, "enqueue", lambda _task, key, *, app: services.listen(key, model))


def upload(data=None, name="speech"):
    return SimpleUploadedFile(name, tone() if data is None else data)
