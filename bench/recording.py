"""Lines a second into the database by the recorder alone."""

import argparse
import json
import statistics
import time
from typing import TYPE_CHECKING

from agents.batching import FramedLine
from bench.portal import Portal
from bench.tables import print_table

if TYPE_CHECKING:
    from agents.recorder import Recorder

BATCHES = {1: 200, 20: 2000, 200: 6000}
REPETITIONS = 5


def run(_portal: Portal, _options: argparse.Namespace) -> None:
    recorder = _make_recorder()
    rates: dict[int, list[float]] = {size: [] for size in BATCHES}
    for _ in range(REPETITIONS):
        for size, count in BATCHES.items():
            lines = [_line(number) for number in range(count)]
            began = time.perf_counter()
            for first in range(0, count, size):
                recorder.record(lines[first : first + size])
            rates[size].append(count / (time.perf_counter() - began))
    rows = [
        (size, f"{statistics.median(found):,.0f}", f"{size / statistics.median(found) * 1e3:.1f}")
        for size, found in rates.items()
    ]
    headings = ("lines a batch", "lines/s", "ms a batch")
    print_table(f"record: recorder into SQLite, median of {REPETITIONS}", headings, rows)


def _make_recorder() -> "Recorder":
    # The models exist once Django is set up, which the portal does.
    from django.contrib.auth.models import User
    from django.utils import timezone

    from agents.models import Agent, AgentSession, LiveText, Status
    from agents.recorder import Recorder

    alice = User.objects.get(username="alice")
    agent = Agent.objects.create(owner=alice, workspace="/bench", status=Status.STOPPED)
    LiveText.objects.create(agent=agent)
    # Ended, so that no bridge takes it for its own.
    session = AgentSession.objects.create(agent=agent, number=1, ended_at=timezone.now())
    return Recorder(session)


def _line(number: int) -> FramedLine:
    content = [{"type": "text", "text": f"line {number} ".ljust(100, ".")}]
    payload = {"type": "assistant", "message": {"role": "assistant", "content": content}}
    stamp = f"2026-01-01T00:00:00.{number:09d}Z"
    return FramedLine("stdout", stamp, json.dumps(payload).encode())
