"""Takes the figures of costs and shows them."""

import argparse
import statistics
from collections.abc import Sequence
from itertools import islice

from bench.cost.ccusage import VERSION, Ccusage
from bench.cost.rows import make_calls
from bench.cost.spool import write_spool
from bench.cost.stage import Stage, cost_stage, load
from bench.tables import median_and_range, percentile, print_table

QUERY_ROUNDS = 60
PAGE_ROUNDS = 20
RAW_ROUNDS = 3
CCUSAGE_ROUNDS = 5
INGEST_FILES = 4
GOAL_QUERY_MS = 10
GOAL_RATIO = 500
GOAL_ROWS_A_SECOND = 2000

DASHBOARD = "/metrics/?range=30d"
DASHBOARD_PATHS = (DASHBOARD, f"{DASHBOARD}&by=user", f"{DASHBOARD}&by=workspace")
REPORT = "/metrics/reports/?by=agent&from={}&to={}"
FIGURES = ("ms", "p95", "least")
GROUPINGS = ("user", "workspace", "agent", "model", "day")


def run(options: argparse.Namespace) -> None:
    """Needs no portal. A million calls take minutes, most of them to make the rows, and 6 GB in /tmp."""
    with cost_stage(options.rows) as stage:
        load(stage, options.rows)
        _run_queries(stage)
        _run_pages(stage)
        _run_raw(stage)
        _run_ccusage(stage)
        _run_ingest(stage)


def _run_queries(stage: Stage) -> None:
    names, *others = [one.ask("queries.capture", *DASHBOARD_PATHS) for one in stage.databases]
    assert all(other == names for other in others), "the databases were asked different things"
    rounds: list[list[list[float]]] = [[] for _ in stage.databases]
    for _ in range(QUERY_ROUNDS):
        for found, one in zip(rounds, stage.databases, strict=True):
            found.append(one.ask("queries.time_round"))
    # For each database and query what the rounds took.
    taken = [list(zip(*found, strict=True)) for found in rounds]
    rows = [
        (name, *(cell for queries in taken for cell in _describe(queries[index])))
        for index, name in enumerate(names)
    ]
    sums = [[sum(queries) for queries in found] for found in rounds]
    rows.append(("all of them", *(cell for found in sums for cell in _describe(found))))
    print_table(
        f"cost: queries of the dashboard of 30 days and everyone, also by user and workspace,"
        f" {QUERY_ROUNDS} rounds",
        ("query", *(f"{one.name} {what}" for one in stage.databases for what in FIGURES)),
        rows,
    )
    for one, queries in zip(stage.databases, taken, strict=True):
        for index, found in enumerate(queries):
            if statistics.median(found) > GOAL_QUERY_MS:
                print(f"{one.name}: above {GOAL_QUERY_MS} ms:", one.ask("queries.explain", index))


def _describe(taken: Sequence[float]) -> tuple[str, ...]:
    """As `FIGURES` says. The least is what it takes where nothing else wants the processor."""
    return tuple(
        f"{ms:.2f}" for ms in (statistics.median(taken), percentile(taken, 95), min(taken))
    )


def _run_pages(stage: Stage) -> None:
    whole = {
        "data of the dashboard": ("pages.time_dashboard", *stage.days),
        "the first time": ("pages.time_first_dashboard", *stage.days),
        "page of the dashboard": ("pages.time_page", DASHBOARD),
        "page of the report by agent": ("pages.time_page", REPORT.format(*stage.days)),
        "Prometheus' scrape": ("pages.time_scrape",),
    }
    taken: dict[str, list[list[float]]] = {name: [[] for _ in stage.databases] for name in whole}
    for _ in range(PAGE_ROUNDS):
        for name, question in whole.items():
            for found, one in zip(taken[name], stage.databases, strict=True):
                found.append(one.ask(*question))
    print_table(
        f"cost: in the web process, {PAGE_ROUNDS} rounds",
        ("what", *(f"{one.name} {what}" for one in stage.databases for what in FIGURES)),
        [
            (name, *(cell for values in found for cell in _describe(values)))
            for name, found in taken.items()
        ],
    )


def _run_raw(stage: Stage) -> None:
    rows = []
    for grouping in GROUPINGS:
        cells = []
        for one in stage.databases:
            raw, summed = [], []
            for _ in range(RAW_ROUNDS):
                raw.append(one.ask("pages.time_raw_report", grouping, *stage.days))
                summed.append(one.ask("pages.time_report", grouping, *stage.days))
            of_calls, of_sums = statistics.median(raw), statistics.median(summed)
            cells += [f"{of_calls:,.0f}", f"{of_sums:.2f}", f"{of_calls / of_sums:,.0f}x"]
        rows.append((f"by {grouping}", *cells))
    print_table(
        f"cost: the same report of the single calls and of the sums, equal to the last digit,"
        f" median of {RAW_ROUNDS}",
        (
            "report",
            *(
                f"{one.name} {what}"
                for one in stage.databases
                for what in ("calls ms", "sums ms", "ratio")
            ),
        ),
        rows,
    )


def _run_ccusage(stage: Stage) -> None:
    ccusage = Ccusage(stage.folder)
    if problem := ccusage.install():
        print(f"cost: ccusage is left out: {problem}", flush=True)
        return
    expected = ccusage.write(stage.world.sessions, stage.rates)
    questions = {
        "data of the dashboard": ("pages.time_dashboard", *stage.days),
        "the first time": ("pages.time_first_dashboard", *stage.days),
        "report by day": ("pages.time_report", "day", *stage.days),
    }
    theirs: list[float] = []
    ours = {(one.name, name): [] for one in stage.databases for name in questions}
    for _ in range(CCUSAGE_ROUNDS):
        seconds, found = ccusage.run()
        assert found == expected, "ccusage counts other tokens"
        theirs.append(seconds * 1e3)
        for one in stage.databases:
            assert one.ask("pages.sums_by_day_and_model") == expected, f"{one.name} does"
            for name, question in questions.items():
                ours[one.name, name] += [one.ask(*question) for _ in range(PAGE_ROUNDS)]
    whole = statistics.median(theirs)
    rows = [(f"ccusage {VERSION}, daily", median_and_range(theirs), "")]
    rows += [
        (
            f"{name}, {database}",
            median_and_range(taken, 1),
            f"{whole / statistics.median(taken):,.0f}x",
        )
        for (database, name), taken in ours.items()
    ]
    print_table(
        f"cost: beside ccusage on {ccusage.bytes / 1e6:,.0f} MB of transcripts, the same tokens by"
        f" day and model, goal {GOAL_RATIO}x",
        ("what", "ms", "ratio"),
        rows,
    )


def _run_ingest(stage: Stage) -> None:
    calls = make_calls(stage.world.live, stage.rates)
    count = sum(session.calls for session in stage.world.live) // INGEST_FILES
    rates: dict[str, list[float]] = {one.name: [] for one in stage.databases}
    for number in range(INGEST_FILES):
        lines = list(islice(calls, count))
        for one in stage.databases:
            write_spool(one.spool / f"usage-{number}.jsonl", lines)
            rows, seconds = one.ask("spool.ingest")
            assert rows == count, f"{one.name} stored {rows} of {count} lines"
            rates[one.name].append(rows / seconds)
    for one in stage.databases:
        one.ask("pages.check_totals")
    print_table(
        f"cost: ingest of {INGEST_FILES} x {count:,} lines of {len(stage.world.live)} agents, sums"
        f" included, goal {GOAL_ROWS_A_SECOND:,} rows/s",
        ("database", "rows/s"),
        [(name, median_and_range(found)) for name, found in rates.items()],
    )
