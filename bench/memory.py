"""What each process holds, idle after one agent's run."""

import argparse
from pathlib import Path

from bench.machine import MEBIBYTE, MemoryUse, group_members, memory_of
from bench.portal import Portal
from bench.tables import print_table


def run(portal: Portal, _options: argparse.Namespace) -> None:
    client = portal.client
    agent_id = client.launch(portal.stack.workspace("memory"), "hello")
    client.wait_for_status(agent_id, "idle")
    uses = {
        name: memory_of(group_members(process.pid))
        for name, process in portal.stack.processes.items()
    }
    top = portal.container_of(agent_id).top()
    pids = [row[top["Titles"].index("PID")] for row in top["Processes"]]
    idle_agent = memory_of([Path("/proc", pid) for pid in pids])
    portal.delete(agent_id)
    print_memory("memory: after one run", uses, {"an idle agent": idle_agent})


def print_memory(
    title: str, uses: dict[str, MemoryUse], others: dict[str, MemoryUse] | None = None
) -> None:
    """Of each process of a portal, of all of them, and of others."""
    shown = uses | {"portal": _sum(list(uses.values()))} | (others or {})
    rows = [
        (name, use.processes, _mib(use.rss_bytes), _mib(use.pss_bytes))
        for name, use in shown.items()
    ]
    print_table(title, ("process", "processes", "RSS MiB", "PSS MiB"), rows)


def _sum(uses: list[MemoryUse]) -> MemoryUse:
    pss = [use.pss_bytes for use in uses if use.pss_bytes is not None]
    return MemoryUse(
        sum(use.processes for use in uses),
        sum(use.rss_bytes for use in uses),
        sum(pss) if len(pss) == len(uses) else None,
    )


def _mib(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else f"{size_bytes / MEBIBYTE:,.0f}"
