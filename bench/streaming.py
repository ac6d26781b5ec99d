"""Lines from an agent's container to a browser, and to many viewers at once."""

import argparse
import statistics
import threading
import time
from pathlib import Path

from docker.models.containers import Container

from bench.browser import agent_page, shown_at, watch_for
from bench.machine import cpu_seconds
from bench.portal import Portal
from bench.tables import percentile, print_table
from bench.viewers import Seen, Viewers, Watch

BROWSER_LINES = 4000
BROWSER_REPETITIONS = 5
VIEWERS = (1, 10, 50)
VIEWER_REPETITIONS = 3
OFFERED_A_SECOND = 500
OFFERED_SECONDS = 5
SERVERS = ("web", "bridge")
WRITER = (Path(__file__).parent / "line_writer.py").read_text()


def run(portal: Portal, _options: argparse.Namespace) -> None:
    agent_id = portal.launch_idle("stream")
    try:
        _run_browser(portal, agent_id)
        _run_viewers(portal, agent_id)
    finally:
        portal.delete(agent_id)


def last_seq(portal: Portal, agent_id: str) -> int:
    query = "select last_seq from agents_agent where id = ?"
    return int(portal.stack.query(query, agent_id.replace("-", ""))[0][0])


def write_lines(container: Container, marker: str, count: int, rate: float) -> float:
    """Have the container write lines; returns when it wrote the first."""
    command = ["python3", "-c", WRITER, marker, str(count), str(rate)]
    code, output = container.exec_run(command)
    assert code == 0, output.decode(errors="replace")
    return float(output)


def _run_browser(portal: Portal, agent_id: str) -> None:
    container = portal.container_of(agent_id)
    taken: dict[str, list[float]] = {"recorded": [], "in the page": []}
    used = []
    with agent_page(portal, agent_id) as page:
        for number in range(BROWSER_REPETITIONS):
            marker, before = f"page{number}", _cpu(portal)
            watch_for(page, f"{marker}:{BROWSER_LINES - 1}:")
            recorded = _Recorded(portal, agent_id, BROWSER_LINES)
            began = write_lines(container, marker, BROWSER_LINES, 0)
            taken["in the page"].append(shown_at(page) - began)
            taken["recorded"].append(recorded.wait() - began)
            used.append([after - early for after, early in zip(_cpu(portal), before, strict=True)])
    rows = [
        (
            name,
            f"{BROWSER_LINES / statistics.median(found):,.0f}",
            f"{statistics.median(found):.2f}",
        )
        for name, found in taken.items()
    ]
    web, bridge = (statistics.median(found) for found in zip(*used, strict=True))
    print_table(
        f"stream: {BROWSER_LINES:,} lines of 200 bytes written at once, one Chromium,"
        f" median of {BROWSER_REPETITIONS} (CPU s: web {web:.2f}, bridge {bridge:.2f})",
        ("up to", "lines/s", "s"),
        rows,
    )


class _Recorded:
    """Watches the agent's counter beside the portal."""

    def __init__(self, portal: Portal, agent_id: str, count: int) -> None:
        self._portal, self._agent_id = portal, agent_id
        self._goal = last_seq(portal, agent_id) + count
        self._at = 0.0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def wait(self) -> float:
        self._thread.join()
        return self._at

    def _look(self) -> None:
        while last_seq(self._portal, self._agent_id) < self._goal:
            time.sleep(0.02)
        self._at = time.time()


def _run_viewers(portal: Portal, agent_id: str) -> None:
    runs: dict[int, list[tuple[Seen, list[float]]]] = {count: [] for count in VIEWERS}
    for number in range(VIEWER_REPETITIONS):
        for count in VIEWERS:
            runs[count].append(_offer(portal, agent_id, f"v{count}r{number}", count))
    rows = []
    for count, found in runs.items():
        web, bridge = (
            statistics.median(used[index] for _, used in found) for index in range(len(SERVERS))
        )
        latency = [
            statistics.median(percentile(seen.latencies_ms, percent) for seen, _ in found)
            for percent in (50, 95)
        ]
        rows.append(
            (
                count,
                sum(seen.lost for seen, _ in found),
                sum(seen.doubled for seen, _ in found),
                *(f"{value:,.0f}" for value in latency),
                f"{web:.2f}",
                f"{bridge:.2f}",
            )
        )
    print_table(
        f"stream: {OFFERED_A_SECOND} events/s offered for {OFFERED_SECONDS} s to JSON sockets,"
        f" median of {VIEWER_REPETITIONS}, lost and doubled of all",
        ("viewers", "lost", "doubled", "p50 ms", "p95 ms", "web CPU s", "bridge CPU s"),
        rows,
    )


def _offer(portal: Portal, agent_id: str, marker: str, viewers: int) -> tuple[Seen, list[float]]:
    count = OFFERED_A_SECOND * OFFERED_SECONDS
    url = (
        f"ws://127.0.0.1:{portal.stack.port}/ws/agent/{agent_id}?after={last_seq(portal, agent_id)}"
    )
    watching = Viewers(Watch(url, portal.client.token, marker, count, viewers))
    before = _cpu(portal)
    write_lines(portal.container_of(agent_id), marker, count, OFFERED_A_SECOND)
    seen = watching.wait()
    return seen, [after - early for after, early in zip(_cpu(portal), before, strict=True)]


def _cpu(portal: Portal) -> list[float]:
    return [cpu_seconds(portal.stack.processes[name].pid) for name in SERVERS]
