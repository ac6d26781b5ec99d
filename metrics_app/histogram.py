"""Latencies counted in buckets, so that many calls add up to few numbers. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from math import ceil

# The upper ends, included; one more bucket takes what is longer.
FIRST_BYTE_BOUNDS_MS = (250, 500, 750, 1000, 1500, 2000, 3000, 5000, 8000, 15_000, 30_000)
TOTAL_BOUNDS_MS = (1000, 2000, 3500, 5000, 7500, 10_000, 15_000, 25_000, 45_000, 90_000, 180_000)
BUCKETS = len(FIRST_BYTE_BOUNDS_MS) + 1


def bucket_of(milliseconds: float, bounds: Sequence[int]) -> int:
    return bisect_left(bounds, milliseconds)


def estimate_percentile(counts: Sequence[int], bounds: Sequence[int], percent: int) -> float | None:
    """The nearest rank, evenly spread within its bucket; None where nothing is counted.

    What lies in the last bucket, which has no end, is told as the last bound.
    """
    rank = ceil(sum(counts) * percent / 100)
    passed = 0
    for bucket, count in enumerate(counts):
        if count and passed + count >= rank:
            if bucket == len(bounds):
                return float(bounds[-1])
            low = bounds[bucket - 1] if bucket else 0
            return low + (bounds[bucket] - low) * (rank - passed) / count
        passed += count
    return None
