"""What each process holds, idle after one agent's run."""

import argparse

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
    pss = [use.pss_bytes for use in uses.values()]
    uses["portal"] = MemoryUse(
        sum(use.processes for use in uses.values()),
        sum(use.rss_bytes for use in uses.values()),
        None if None in pss else sum(size for size in pss if size is not None),
    )
    rows = [
        (name, use.processes, _mib(use.rss_bytes), _mib(use.pss_bytes))
        for name, use in uses.items()
    ]
    usage_bytes = portal.container_of(agent_id).stats(stream=False)["memory_stats"]["usage"]
    rows.append(("an idle agent's container", "", _mib(usage_bytes), ""))
    portal.delete(agent_id)
    print_table("memory: after one run", ("process", "processes", "RSS MiB", "PSS MiB"), rows)


def _mib(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else f"{size_bytes / MEBIBYTE:,.0f}"
