"""From a launch to the first word: through the portal, and with the CLI alone."""

import argparse
import json
import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from websockets.sync.client import connect

from bench.bare_cli import BareStart, time_bare_start
from bench.portal import Portal
from bench.tables import median_and_range, print_table

PROMPT = "hello"
GOAL_RATIO = 1.5


@dataclass(frozen=True)
class PortalStart:
    """Points in time, in seconds of the clock on the wall."""

    asked: float
    policy_written: float
    socket_opened: float
    created: float
    started: float
    prompt_written: float
    word_in_log: float
    word_seen: float

    def steps(self) -> dict[str, float]:
        """Seconds each; together they are the total."""
        return {
            "web request, Celery picks up, policy is written": self.policy_written - self.asked,
            "gateway opens the socket": self.socket_opened - self.policy_written,
            "worker sees it, engine creates": self.created - self.socket_opened,
            "engine starts": self.started - self.created,
            "bridge attaches and writes the prompt": self.prompt_written - self.started,
            "CLI answers (first word in the log)": self.word_in_log - self.prompt_written,
            "record, doorbell, feed, socket": self.word_seen - self.word_in_log,
        }

    @property
    def total(self) -> float:
        return self.word_seen - self.asked


def run(portal: Portal, options: argparse.Namespace) -> None:
    bare: list[BareStart] = []
    ours: list[PortalStart] = []
    for number in range(-1, options.pairs):
        pair = (_portal_start(portal, f"start-{number}"), _bare_start(portal, f"bare-{number}"))
        if number >= 0:  # the first warms caches up
            ours.append(pair[0])
            bare.append(pair[1])
    _print_totals(ours, bare)
    _print_steps(ours, bare)


def _bare_start(portal: Portal, name: str) -> BareStart:
    folder = portal.stack.workspace(name)
    return time_bare_start(portal, folder, PROMPT, settings.CAM_MODELS[0])


def _portal_start(portal: Portal, name: str) -> PortalStart:
    folder, client = portal.stack.workspace(name), portal.client
    asked = time.time()
    agent_id = client.launch(folder, PROMPT, model=settings.CAM_MODELS[0])
    url = f"ws://127.0.0.1:{portal.stack.port}/ws/agent/{agent_id}"
    headers = {"Authorization": f"Bearer {client.token}"}
    with connect(url, additional_headers=headers, compression=None) as socket:
        while not _is_word(json.loads(socket.recv(timeout=60))):
            pass
    word_seen = time.time()
    client.wait_for_status(agent_id, "idle")
    try:
        return _read_traces(portal, agent_id, asked, word_seen)
    finally:
        portal.delete(agent_id)


def _is_word(message: dict[str, Any]) -> bool:
    if message["type"] == "live":
        return bool(message["text"])
    return message["type"] == "event" and message["kind"] == "assistant"


def _read_traces(portal: Portal, agent_id: str, asked: float, word_seen: float) -> PortalStart:
    """When each step happened, from what it left behind: files, engine, log, rows."""
    container = portal.container_of(agent_id)
    log = container.logs(timestamps=True).splitlines()
    word = next(line for line in log if b'"text_delta"' in line)
    sent_at = portal.stack.query(
        "select sent_at from agents_prompt where agent_id = ?", agent_id.replace("-", "")
    )[0][0]
    return PortalStart(
        asked=asked,
        policy_written=(settings.CAM_POLICY_DIR / f"{agent_id}.json").stat().st_mtime,
        socket_opened=(settings.CAM_SOCKETS_DIR / agent_id / "gateway.sock").stat().st_ctime,
        created=_timestamp(container.attrs["Created"]),
        started=_timestamp(container.attrs["State"]["StartedAt"]),
        prompt_written=_timestamp(sent_at),
        word_in_log=_timestamp(word.split(b" ", 1)[0].decode()),
        word_seen=word_seen,
    )


def _timestamp(text: str) -> float:
    """Of UTC, down to the microsecond; the engine writes nine digits."""
    return datetime.fromisoformat(text[:26].rstrip("Z")).replace(tzinfo=UTC).timestamp()


def _print_totals(ours: list[PortalStart], bare: list[BareStart]) -> None:
    ratios = [mine.total / other.total for mine, other in zip(ours, bare, strict=True)]
    ratio = statistics.median(ratios)
    print_table(
        f"start: launch to first word, {len(ours)} interleaved pairs, median (range)",
        ("way", "ms"),
        [
            ("CLI alone in the same container", median_and_range([it.total * 1e3 for it in bare])),
            ("through the portal", median_and_range([it.total * 1e3 for it in ours])),
            (
                f"ratio (goal: below {GOAL_RATIO}: {'met' if ratio < GOAL_RATIO else 'missed'})",
                median_and_range(ratios, 2),
            ),
        ],
    )


def _print_steps(ours: list[PortalStart], bare: list[BareStart]) -> None:
    def middle(values: list[float]) -> str:
        return f"{statistics.median(values) * 1e3:,.0f}"

    steps = [it.steps() for it in ours]
    rows = [(name, middle([step[name] for step in steps])) for name in steps[0]]
    rows += [
        ("CLI alone: create", middle([it.create for it in bare])),
        ("CLI alone: start", middle([it.start for it in bare])),
        ("CLI alone: first word", middle([it.answer for it in bare])),
    ]
    print_table("start: where the time goes, median", ("step", "ms"), rows)
