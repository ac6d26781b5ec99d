"""Programs that watch one agent by the JSON socket, in a process of their own."""

import asyncio
import json
import multiprocessing
import re
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import websockets

GIVE_UP_AFTER_SECONDS = 60
QUIET_SECONDS = 5


@dataclass(frozen=True)
class Watch:
    """What all viewers are to see: `count` lines with `marker`."""

    url: str
    token: str
    marker: str
    count: int
    viewers: int


@dataclass
class Seen:
    """`lost` and `doubled` lines of all viewers; milliseconds from write to receipt."""

    lost: int = 0
    doubled: int = 0
    latencies_ms: list[float] = field(default_factory=list)


class Viewers:
    """Connected when made; `wait` returns what they saw."""

    def __init__(self, watch: Watch) -> None:
        # A fresh interpreter: a fork would inherit the event loop's and Django's descriptors.
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_watch_all, args=(watch, other), daemon=True)
        self._process.start()
        self._pipe.recv()

    def wait(self) -> Seen:
        seen: Seen = self._pipe.recv()
        self._process.join()
        return seen


def _watch_all(watch: Watch, pipe: Connection) -> None:
    asyncio.run(_gather(watch, pipe))


async def _gather(watch: Watch, pipe: Connection) -> None:
    ready = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(_watch_one(watch, ready)) for _ in range(watch.viewers)]
    for _ in tasks:
        await ready.acquire()
    pipe.send("ready")
    total = Seen()
    for seen in await asyncio.gather(*tasks):
        total.lost += seen.lost
        total.doubled += seen.doubled
        total.latencies_ms += seen.latencies_ms
    pipe.send(total)


async def _watch_one(watch: Watch, ready: asyncio.Semaphore) -> Seen:
    mark = re.compile(rf"{watch.marker}:(\d+):([0-9.]+);")
    seen, numbers = Seen(), set()
    headers = {"Authorization": f"Bearer {watch.token}"}
    async with websockets.connect(
        watch.url, additional_headers=headers, compression=None, max_size=None
    ) as socket:
        while json.loads(await socket.recv())["type"] != "state":
            pass
        ready.release()
        wait_seconds: float = GIVE_UP_AFTER_SECONDS
        while len(numbers) < watch.count:
            try:
                message = await asyncio.wait_for(socket.recv(), wait_seconds)
            except (TimeoutError, websockets.ConnectionClosed):
                break
            now = time.time()
            for number, written in mark.findall(message):
                wait_seconds = QUIET_SECONDS
                seen.doubled += number in numbers
                numbers.add(number)
                seen.latencies_ms.append((now - float(written)) * 1e3)
    seen.lost = watch.count - len(numbers)
    return seen
