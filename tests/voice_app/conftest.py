import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.agents.conftest import agent, as_alice, as_bob  # noqa: F401 (fixtures)
from tests.voice_app.speech import tone
from voice_app import services
from voice_app.interim import Interim
from voice_app.whisper import Segment, Transcript


class FakeModel:
    """Hears what it is told to hear."""

    def __init__(self):
        self.heard = "Run the tests."
        self.error = None
        self.asked = []
        self.interim = Interim("Run the", 0)

    def listen_so_far(self, samples, folder, *, language):
        self.asked.append((len(samples), folder.name, language))
        if self.error:
            raise self.error
        return self.interim

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
    """What was asked of the voice worker: tasks, and the recordings' keys."""
    asked = []
    monkeypatch.setattr(services, "enqueue", lambda task, key, *, app: asked.append((task, key)))
    return asked


@pytest.fixture
def worker(monkeypatch, model):
    """A voice worker that is there at once."""
    tasks = {"transcribe": services.listen, "listen_so_far": services.listen_so_far}
    monkeypatch.setattr(services, "enqueue", lambda task, key, *, app: tasks[task](key, model))


def upload(data=None, name="speech"):
    return SimpleUploadedFile(name, tone() if data is None else data)
