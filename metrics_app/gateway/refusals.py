"""The answers that the gateway gives itself, and a log of them that an agent cannot flood."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger("cam.gateway")

LOG_LINES_A_MINUTE = 20

NO_POLICY = "CAM: this agent has no valid policy; the gateway's log tells the operator why."
NO_CREDENTIAL = (
    "CAM: no model credential is configured. Set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN "
    "in the portal's environment and restart the gateway."
)
NO_BATCHES = "CAM: message batches are not available to agents; their cost could not be attributed."
SPOOL_FULL = (
    "CAM: usage cannot be recorded at the moment (is the disk full?), so new calls are refused."
)

_ERROR_TYPES = {403: "permission_error", 503: "api_error"}


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    body: bytes
    headers: dict[str, str]


def refuse_plainly(reason: str) -> Refusal:
    """For hosts that are not the model API: what curl, git and pip show."""
    body = f"CAM's gateway refused this request: {reason}.\n".encode()
    return Refusal(403, body, {"content-type": "text/plain; charset=utf-8", "connection": "close"})


def refuse_api(status: int, message: str) -> Refusal:
    """In the model API's shape and not to be tried again, so that the CLI shows it at once."""
    error = {"type": _ERROR_TYPES[status], "message": message}
    body = json.dumps({"type": "error", "error": error}).encode()
    return Refusal(status, body, {"content-type": "application/json", "x-should-retry": "false"})


class RefusalLog:
    """At most LOG_LINES_A_MINUTE lines a minute for each agent."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._minute = 0
        self._counts: dict[str, int] = {}

    def write(self, agent_id: str, host: str, reason: str) -> None:
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute, self._counts = minute, {}
        count = self._counts[agent_id] = self._counts.get(agent_id, 0) + 1
        if count <= LOG_LINES_A_MINUTE:
            logger.info("agent %s: refused %.100s: %s", agent_id, host, reason)
