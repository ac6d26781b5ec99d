"""Every query that a page asks the ledger, timed by itself. Runs in the process of a `Database`."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection

from bench.cost.pages import get
from metrics_app.dashboard.days import forget_days

APPS = ("agents", "metrics_app")
# Who asks is further out: a page, or only the check of who is signed in.
PASSED_OVER = {"querysets", "answers"}


class Query(NamedTuple):
    """`name` is that of the function that asks."""

    name: str
    sql: str
    parameters: tuple[Any, ...]


_captured: list[Query] = []


def capture(*paths: str) -> list[str]:
    """Remember what the pages ask, each query once; their names. Sessions and accounts are left out."""
    found: dict[tuple[str, int], Query] = {}
    for path in paths:
        get(path)  # the first time, connections are made and templates are read
        asked = _capture_page(path)
        for number, query in enumerate(asked):
            repeated = sum(other.sql == query.sql for other in asked[:number])
            found.setdefault((query.sql, repeated), query)
    _captured[:] = found.values()
    return [query.name for query in _captured]


def _capture_page(path: str) -> list[Query]:
    """With those that a web process asks only the first time."""
    forget_days()
    asked: list[Query] = []

    def look(
        execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any
    ) -> Any:
        if name := _find_name(sys._getframe()):
            asked.append(Query(name, sql, tuple(parameters or ())))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(look):
        get(path)
    return asked


def time_round() -> list[float]:
    """Milliseconds of each, with all of its rows fetched."""
    taken = []
    for query in _captured:
        with connection.cursor() as cursor:
            began = time.perf_counter()
            cursor.execute(query.sql, query.parameters)
            cursor.fetchall()
            taken.append((time.perf_counter() - began) * 1e3)
    return taken


def explain(index: int) -> str:
    """How the database goes about it."""
    query = _captured[index]
    how = (
        "EXPLAIN (ANALYZE, BUFFERS)" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"{how} {query.sql}", query.parameters)
        plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
    return f"{query.name}\n{plan}"


def _find_name(frame: FrameType | None) -> str:
    """The innermost function of our own apps, as `module.function`; empty where there is none."""
    while frame is not None:
        path, name = Path(frame.f_code.co_filename), frame.f_code.co_name
        is_ours = any(path.is_relative_to(settings.BASE_DIR / app) for app in APPS)
        if is_ours and path.stem not in PASSED_OVER and not name.startswith("<"):
            return f"{path.parent.name if path.stem == '__init__' else path.stem}.{name}"
        frame = frame.f_back
    return ""
