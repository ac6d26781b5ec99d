"""The calls of a busy month: what they used, how they ended, what they cost. Pure."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple
from uuid import UUID

from bench.cost.world import MAIN_MODELS, Session
from metrics_app.price_list import find_rates
from metrics_app.pricing import COST_STEP_USD, PRICE_VERSION

HAIKU = "claude-haiku-4-5"
MODELS = (*MAIN_MODELS, HAIKU)
# One session in so many tries a model that has no price yet.
PREVIEW_SESSIONS = 400
UNPRICED_MODEL = "claude-next-preview"
SIDE_CALLS = 0.12
MAX_CONTEXT = 150_000
TOOLS = ("Bash", "Read", "Edit", "Grep", "Write", "Task", "")

# How calls end, in thousandths: the rest is answered.
ENDS = {"429": 8, "529": 4, "500": 1, "lost": 1, "cut": 3, "count_tokens": 5}
END_NAMES = [name for name, share in ENDS.items() for _ in range(share)]
ERRORS = {"429": "rate_limit_error", "529": "overloaded_error", "500": "api_error"}


class Call(NamedTuple):
    """`end` is empty for an answered one, else one of `ENDS`, or "unpriced"."""

    session: Session
    attempt_id: UUID
    started_at: datetime
    end: str
    turn: int
    tool: str
    model: str
    input: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    output: int = 0
    thinking: int = 0
    cost_steps: int | None = None
    first_byte_ms: float | None = None
    total_ms: float | None = None

    @property
    def has_usage(self) -> bool:
        return self.end in ("", "cut", "unpriced")

    @property
    def status(self) -> int | None:
        return int(self.end) if self.end in ERRORS else None if self.end == "lost" else 200

    @property
    def cost_usd(self) -> Decimal | None:
        """Counting tokens is free; a call that failed, or that has no price, has no cost."""
        if self.end == "count_tokens":
            return Decimal(0)
        return None if self.cost_steps is None else self.cost_steps * COST_STEP_USD

    @property
    def price_version(self) -> str:
        return PRICE_VERSION if self.has_usage else ""

    @property
    def error(self) -> str:
        if self.end == "cut":
            return "upstream closed the connection"
        return "connection reset" if self.end == "lost" else ERRORS.get(self.end, "")

    @property
    def usage(self) -> dict[str, object]:
        """As the API reports it."""
        return {
            "input_tokens": self.input,
            "cache_creation_input_tokens": self.cache_write_5m + self.cache_write_1h,
            "cache_read_input_tokens": self.cache_read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.cache_write_5m,
                "ephemeral_1h_input_tokens": self.cache_write_1h,
            },
            "output_tokens": self.output,
            "output_tokens_details": {"thinking_tokens": self.thinking},
            "service_tier": "standard",
        }

    @property
    def message_id(self) -> str:
        return f"msg_{self.attempt_id.hex[:24]}" if self.has_usage else ""

    @property
    def request_id(self) -> str:
        return "" if self.end == "lost" else f"req_{self.attempt_id.hex[8:]}"


class Rates:
    """Whole steps of 1e-10 USD a token, so that costs are exact without a Decimal a call."""

    def __init__(self, now: datetime) -> None:
        self._rates: dict[str, tuple[int, int, int, int, int]] = {}
        for model in MODELS:
            rates = find_rates(model, now)
            assert rates is not None, f"{model} has no price"
            of_kinds = (
                rates.input,
                rates.cache_write_5m,
                rates.cache_write_1h,
                rates.cache_read,
                rates.output,
            )
            steps = [rate / 1_000_000 / COST_STEP_USD for rate in of_kinds]
            assert all(step == int(step) for step in steps), f"{model} costs parts of a step"
            self._rates[model] = tuple(map(int, steps))

    def cost_steps(self, model: str, *tokens: int) -> int | None:
        """For tokens of input, cache written for 5 minutes and for 1 hour, cache read, output."""
        rates = self._rates.get(model)
        if rates is None:
            return None
        return sum(count * rate for count, rate in zip(tokens, rates, strict=True))


def make_calls(sessions: Sequence[Session], rates: Rates) -> Iterator[Call]:
    """The calls of all sessions in the order of their time."""
    return heapq.merge(
        *(calls_of(session, rates) for session in sessions), key=lambda call: call.started_at
    )


def calls_of(session: Session, rates: Rates) -> Iterator[Call]:
    """A conversation that grows, is read from the cache, and is compacted; small calls aside."""
    dice = Random(session.seed)
    context = 0
    for number in range(session.calls):
        since = session.seconds * (number + dice.random()) / session.calls
        at = session.started_at + timedelta(seconds=since)
        attempt_id = UUID(int=dice.getrandbits(128), version=4)
        thousandth = int(dice.random() * 1000)
        end = END_NAMES[thousandth] if thousandth < len(END_NAMES) else ""
        turn = number // 12 + 1
        if end not in ("", "cut"):
            yield Call(session, attempt_id, at, end, turn, "", session.agent.model)
            continue
        is_aside = dice.random() < SIDE_CALLS
        model = HAIKU if is_aside else session.agent.model
        if is_aside:
            tokens = (int(dice.uniform(300, 3000)), 0, 0, 0)
        else:
            if context > MAX_CONTEXT:
                context = 0
            added = int(dice.expovariate(1 / 1800)) + (14_000 if context == 0 else 150)
            is_hour = session.id % 5 == 0
            tokens = (int(dice.uniform(2, 14)), 0 if is_hour else added, added * is_hour, context)
            context += added
        output = 1 if end == "cut" else int(dice.expovariate(1 / 350)) + 12
        if session.id % PREVIEW_SESSIONS == 0 and not (is_aside or end):
            end, model = "unpriced", UNPRICED_MODEL
        first_byte_ms = round(dice.lognormvariate(7.1, 0.4), 3)
        yield Call(
            session, attempt_id, at, end, turn, TOOLS[thousandth % len(TOOLS)], model,
            *tokens, output, output // 3 if thousandth % 4 == 0 else 0,
            rates.cost_steps(model, *tokens, output),
            first_byte_ms, round(first_byte_ms + output * 11.5, 3),
        )  # fmt: skip
