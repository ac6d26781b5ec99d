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
BUDGETS_UNREADABLE = (
    "CAM: the budgets cannot be read, so new calls are refused; the gateway's log says why."
)
HELD_BY_OTHERS = (
    "CAM: what is left of the budget is held for calls that are running; try again in a moment."
)
RETRY_AFTER_SECONDS = 2

_ERROR_TYPES = {
    402: "billing_error",
    403: "permission_error",
    429: "rate_limit_error",
    503: "api_error",
}


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
    """In the model API's shape. All but 429 are not to be tried again: the CLI shows them at once."""
    error = {"type": _ERROR_TYPES[status], "message": message}
    body = json.dumps({"type": "error", "error": error}).encode()
    headers = {"content-type": "application/json", "x-should-retry": "false"}
    if status == 429:
        headers |= {"x-should-retry": "true", "retry-after": str(RETRY_AFTER_SECONDS)}
    return Refusal(status, body, headers)


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
