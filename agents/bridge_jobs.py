"""Work that other apps hang into the bridge, so that it need not import them."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class BridgeJob:
    name: str
    run: Callable[[], object]
    every_seconds: float


jobs: list[BridgeJob] = []


def register_job(name: str, run: Callable[[], object], *, every_seconds: float) -> None:
    """Have the bridge call `run` in a thread of its own, `every_seconds` after each return."""
    if all(job.name != name for job in jobs):
        jobs.append(BridgeJob(name, run, every_seconds))
