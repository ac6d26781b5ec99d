"""`ccusage`, the command that people sum Claude Code's own transcripts with, on the same calls."""

import json
import os
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from bench.cost.rows import Call, Rates, calls_of
from bench.cost.world import Session

VERSION = "20.0.24"
TOKEN_KINDS = ("inputTokens", "cacheCreationTokens", "cacheReadTokens", "outputTokens")
TEXT = (
    "I read the failing test, and the rounding happens before the sum, so the cart is a cent off. "
)

# Tokens by kind, for each day and model.
Sums = dict[tuple[str, str], tuple[int, ...]]


class Ccusage:
    """Installed from npm into a folder of its own, together with the transcripts."""

    def __init__(self, folder: Path) -> None:
        self._prefix = folder / "npm"
        self._home = folder / "claude"
        self._projects = self._home / "projects"
        self.bytes = 0

    def install(self) -> str:
        """Empty if it worked, else why not."""
        if shutil.which("npm") is None:
            return "npm is not installed"
        command = (
            "npm",
            "install",
            "--prefix",
            self._prefix,
            "--no-audit",
            "--no-fund",
            "--silent",
        )
        done = subprocess.run([*command, f"ccusage@{VERSION}"], capture_output=True, text=True)
        return (done.stdout + done.stderr).strip() if done.returncode else ""

    def write(self, sessions: Sequence[Session], rates: Rates) -> Sums:
        """A line for each call, a file for each session; returns what they should add up to."""
        sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * len(TOKEN_KINDS))
        for session in sessions:
            folder = self._projects / session.agent.workspace.replace("/", "-")
            folder.mkdir(parents=True, exist_ok=True)
            calls = list(calls_of(session, rates))
            text = "".join(map(make_line, calls))
            self.bytes += (folder / f"{_name(session)}.jsonl").write_text(text)
            for call in calls:
                _count(call, sums)
        return {key: tuple(values) for key, values in sums.items()}

    def run(self) -> tuple[float, Sums]:
        """Seconds of a whole run, and what it says."""
        binary = self._prefix / "node_modules" / ".bin" / "ccusage"
        command = (
            binary,
            "claude",
            "daily",
            "--json",
            "--breakdown",
            "--offline",
            "--timezone",
            "UTC",
        )
        environment = os.environ | {"CLAUDE_CONFIG_DIR": str(self._home), "TZ": "UTC"}
        began = time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
        seconds = time.perf_counter() - began
        return seconds, dict(_read(json.loads(done.stdout)))


def _name(session: Session) -> str:
    digits = f"{session.seed:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def make_line(call: Call) -> str:
    """As Claude Code writes an answer. A call without usage is a line too, of an error or a prompt."""
    session = call.session
    line: dict[str, Any] = {
        "parentUuid": str(call.attempt_id),
        "isSidechain": False,
        "userType": "external",
        "cwd": session.agent.workspace,
        "sessionId": _name(session),
        "version": "2.1.330",
        "gitBranch": "main",
    }
    if call.end == "count_tokens":
        line |= {"type": "user", "message": {"role": "user", "content": TEXT}}
    else:
        content: list[dict[str, Any]] = [{"type": "text", "text": TEXT * (1 + call.output // 60)}]
        if call.tool:
            given = {"command": "pytest -q", "description": "Run the tests"}
            content.append({"type": "tool_use", "id": "toolu_1", "name": call.tool, "input": given})
        line |= {
            "message": {
                "model": call.model if call.has_usage else "<synthetic>",
                "id": call.message_id or str(call.attempt_id),
                "type": "message",
                "role": "assistant",
                "content": content,
                "stop_reason": "tool_use" if call.tool else "end_turn",
                "stop_sequence": None,
                "usage": call.usage,
            },
            "requestId": call.request_id,
            "type": "assistant",
        }
        if not call.has_usage:
            line["isApiErrorMessage"] = True
    stamp = call.started_at.astimezone(UTC).isoformat(timespec="milliseconds")
    line |= {"uuid": str(call.attempt_id), "timestamp": stamp.replace("+00:00", "Z")}
    return json.dumps(line, separators=(",", ":")) + "\n"


def _count(call: Call, sums: dict[tuple[str, str], list[int]]) -> None:
    if not call.has_usage:
        return
    of_model = sums[str(call.started_at.astimezone(UTC).date()), call.model]
    kinds = (call.input, call.cache_write_5m + call.cache_write_1h, call.cache_read, call.output)
    for index, tokens in enumerate(kinds):
        of_model[index] += tokens


def _read(report: dict[str, Any]) -> Iterator[tuple[tuple[str, str], tuple[int, ...]]]:
    for day in report["daily"]:
        for part in day["modelBreakdowns"]:
            yield (day["date"], part["modelName"]), tuple(part[kind] for kind in TOKEN_KINDS)
