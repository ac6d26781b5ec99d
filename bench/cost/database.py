"""A process with the portal's own code on one database, that does what it is told."""

import multiprocessing
import os
import signal
import traceback
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import django


class Database:
    """`begin` a function of a module in this package by name, and `end` it; or `ask`, which is both.

    Two processes at work at once would disturb what is measured: only loading does that.
    """

    def __init__(self, name: str, folder: Path, *, url: str, broker_url: str) -> None:
        self.name = name
        self.spool = folder / "usage"
        environment = {
            "DJANGO_SETTINGS_MODULE": "bench.settings",
            "CAM_DATA_DIR": str(folder),
            "CAM_METRICS_DIR": str(self.spool),
            "CAM_DATABASE_URL": url,
            "CAM_REDIS_URL": broker_url,
            "CAM_SECRET_KEY": "only-for-benchmarks-" + "0" * 32,
        }
        self.spool.mkdir(parents=True)
        # A fresh interpreter: settings are read once in a process.
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(environment, other), daemon=True)
        self._process.start()

    def ask(self, function: str, *arguments: object) -> Any:
        self.begin(function, *arguments)
        return self.end()

    def begin(self, function: str, *arguments: object) -> None:
        self._pipe.send((function, arguments))

    def end(self) -> Any:
        answer, problem = self._pipe.recv()
        if problem:
            raise RuntimeError(f"{self.name}: {problem}")
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.join()


def _serve(environment: dict[str, str], pipe: Connection) -> None:
    # Ctrl+C is for the process that started this one, which ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(environment)
    django.setup()
    while True:
        function, arguments = pipe.recv()
        module, _, name = function.rpartition(".")
        try:
            called = getattr(import_module(f"bench.cost.{module}"), name)
            answer = called(*arguments), ""
        except Exception:
            answer = None, traceback.format_exc()
        pipe.send(answer)
