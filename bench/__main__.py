"""Runs the benchmarks that are named, or all; cleans up after itself, also on Ctrl+C."""

import argparse
import signal
import sys
from types import FrameType

from bench import memory, recording, starts, streaming
from bench.machine import describe_machine
from bench.portal import bench_portal

# `record` wants the machine for itself, so it goes before the portal is up.
BENCHMARKS = {
    "record": recording.run,
    "start": starts.run,
    "memory": memory.run,
    "stream": streaming.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--pairs", type=int, default=9, help="repetitions of `start`")
    options = parser.parse_args()
    if unknown := set(options.names) - BENCHMARKS.keys():
        parser.error(
            f"no benchmark {', '.join(sorted(unknown))}; there are: {' '.join(BENCHMARKS)}"
        )
    signal.signal(signal.SIGTERM, _leave)
    print(describe_machine())
    with bench_portal() as portal:
        for name, run in BENCHMARKS.items():
            if not options.names or name in options.names:
                run(portal, options)
                print(describe_machine(), flush=True)


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit("ended from outside")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; everything that was started is gone")
