"""Runs the benchmarks that are named, or all; cleans up after itself, also on Ctrl+C."""

import argparse
import signal
import sys
from types import FrameType

from bench import following, memory, recording, speech, starts, streaming, up
from bench.cost import run as cost
from bench.machine import describe_machine
from bench.portal import bench_portal

ALONE = {"cost": cost.run, "up": up.run}
# `record` wants the machine for itself, so it goes before the portal is up.
ON_A_PORTAL = {
    "record": recording.run,
    "start": starts.run,
    "memory": memory.run,
    "stream": streaming.run,
    "follow": following.run,
    "speech": speech.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [*ALONE, *ON_A_PORTAL]
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(names))
    parser.add_argument("--pairs", type=int, default=9, help="repetitions of `start`")
    parser.add_argument("--rows", type=int, default=1_000_000, help="calls for `cost`")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are: {' '.join(names)}")
    chosen = options.names or names
    signal.signal(signal.SIGTERM, _leave)
    print(describe_machine(), flush=True)
    for name, run in ALONE.items():
        if name in chosen:
            run(options)
            print(describe_machine(), flush=True)
    if not set(chosen) & ON_A_PORTAL.keys():
        return
    with bench_portal() as portal:
        for name, run in ON_A_PORTAL.items():
            if name in chosen:
                run(portal, options)
                print(describe_machine(), flush=True)


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit("ended from outside")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; everything that was started is gone")
