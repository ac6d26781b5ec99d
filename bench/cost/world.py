"""Who works in a busy month, where, when and with what model; the same for the same seed. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import accumulate, pairwise
from random import Random
from uuid import UUID

DAYS = 30
USERS = 40
WORKSPACES = 60
AGENTS = 600
CALLS_A_SESSION = 300
SECONDS_A_CALL = 36
LIVE_SESSIONS = 200
LIVE_CALLS = 100
MAIN_MODELS = {
    "claude-opus-5-5": 50,
    "claude-sonnet-5-5": 35,
    "claude-sonnet-4-5": 10,
    "claude-fable-5-1": 5,
}


@dataclass(frozen=True, slots=True)
class BenchAgent:
    id: UUID
    user_id: int
    name: str
    workspace: str
    model: str
    created_at: datetime
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class Session:
    """`ended_at` None is still open. Its calls follow from its seed."""

    id: int
    number: int
    agent: BenchAgent
    started_at: datetime
    seconds: float
    ended_at: datetime | None
    calls: int
    seed: int


@dataclass(frozen=True, slots=True)
class World:
    """`live` sessions are open and have made no call yet: theirs come by the spool."""

    agents: Sequence[BenchAgent]
    sessions: Sequence[Session]
    live: Sequence[Session]


def make_world(rows: int, now: datetime, seed: int) -> World:
    """Sessions of exactly `rows` calls between the start of the first of 30 UTC days and `now`."""
    dice = Random(seed)
    first = datetime.combine(now.astimezone(UTC).date(), time.min, UTC) - timedelta(days=DAYS - 1)
    agents = _make_agents(dice, first, now)
    weights = [dice.lognormvariate(0, 0.7) for _ in agents]
    sessions: list[Session] = []
    for agent, calls in zip(agents, _split(rows, weights), strict=True):
        sessions += _make_sessions(dice, agent, calls, now, len(sessions) + 1)
    hour = timedelta(seconds=LIVE_CALLS * SECONDS_A_CALL)
    idle = [agent for agent in agents if not agent.is_deleted]
    live = [
        Session(
            len(sessions) + number,
            1000,
            agent,
            now - hour,
            hour.total_seconds(),
            None,
            LIVE_CALLS,
            dice.getrandbits(64),
        )
        for number, agent in enumerate(dice.sample(idle, LIVE_SESSIONS), start=1)
    ]
    return World(agents, sessions, live)


def _make_agents(dice: Random, first: datetime, now: datetime) -> list[BenchAgent]:
    owners = [*range(1, USERS + 1), *dice.choices(range(1, USERS + 1), k=WORKSPACES - USERS)]
    places = [(owner, f"/srv/work/project-{number}") for number, owner in enumerate(owners)]
    weights = [dice.lognormvariate(0, 0.8) for _ in places]
    chosen = places + dice.choices(places, weights, k=AGENTS - len(places))
    models = dice.choices(list(MAIN_MODELS), list(MAIN_MODELS.values()), k=AGENTS)
    return [
        BenchAgent(
            id=UUID(int=dice.getrandbits(128), version=4),
            user_id=owner,
            name=f"agent {number}",
            workspace=place,
            model=model,
            created_at=first + (now - first) * dice.random() ** 2,
            is_deleted=dice.random() < 0.1,
        )
        for number, ((owner, place), model) in enumerate(zip(chosen, models, strict=True))
    ]


def _split(total: int, weights: Sequence[float]) -> list[int]:
    """Whole parts in about the proportion of the weights, which add up."""
    whole = sum(weights)
    ends = [round(total * part / whole) for part in accumulate(weights, initial=0.0)]
    return [end - start for start, end in pairwise(ends)]


def _make_sessions(
    dice: Random, agent: BenchAgent, calls: int, now: datetime, next_id: int
) -> list[Session]:
    """Bursts of about 100 calls an hour, mostly at working hours."""
    count = max(1, math.ceil(calls / CALLS_A_SESSION))
    spans = []
    for part in _split(calls, [dice.uniform(0.3, 1.7) for _ in range(count)]):
        seconds = max(1.0, part * SECONDS_A_CALL * dice.uniform(0.7, 1.3))
        latest = max(agent.created_at, now - timedelta(seconds=seconds))
        start = _working_time(dice, agent.created_at, latest)
        seconds = min(seconds, (now - start).total_seconds())
        spans.append((start, seconds, part))
    return [
        Session(
            next_id + number,
            number + 1,
            agent,
            start,
            seconds,
            start + timedelta(seconds=seconds),
            part,
            dice.getrandbits(64),
        )
        for number, (start, seconds, part) in enumerate(sorted(spans))
    ]


def _working_time(dice: Random, start: datetime, end: datetime) -> datetime:
    while True:
        moment = start + (end - start) * dice.random()
        if (moment.weekday() < 5 and 7 <= moment.hour < 19) or dice.random() < 0.25:
            return moment
