"""What the machine is, and what processes take of it."""

import os
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1 << 20
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def describe_machine() -> str:
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    return f"{len(os.sched_getaffinity(0))} cores, load average {load}"


@dataclass(frozen=True)
class MemoryUse:
    """Of one or more processes. `pss_bytes` counts shared pages by share; None if unreadable."""

    processes: int
    rss_bytes: int
    pss_bytes: int | None


def group_members(group: int) -> list[Path]:
    """The /proc folders of a process group's members."""
    return [path for path in Path("/proc").glob("[0-9]*") if _group_of(path) == group]


def memory_of(folders: list[Path]) -> MemoryUse:
    rss_bytes = sum(int((path / "statm").read_text().split()[1]) for path in folders) * PAGE_BYTES
    try:
        pss_bytes = sum(_pss_bytes(path) for path in folders)
    except PermissionError:
        return MemoryUse(len(folders), rss_bytes, None)
    return MemoryUse(len(folders), rss_bytes, pss_bytes)


def cpu_seconds(group: int) -> float:
    """What the members of a process group used so far, user and system."""
    return sum(
        sum(map(int, _stat_fields(path)[11:13])) / TICKS_A_SECOND for path in group_members(group)
    )


def _pss_bytes(folder: Path) -> int:
    for line in (folder / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _group_of(folder: Path) -> int | None:
    try:
        return int(_stat_fields(folder)[2])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _stat_fields(folder: Path) -> list[str]:
    """The fields from the state on; the name before them may hold spaces and brackets."""
    return (folder / "stat").read_text().rpartition(")")[2].split()
