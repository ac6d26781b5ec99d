"""Celery's schedule from the database, by a process that outlives the database."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import close_old_connections, connection
from django_celery_beat.schedulers import DatabaseScheduler

from agents.outages import DATABASE_IS_AWAY, outages
from cam_site import heartbeats

RETRY_SECONDS = 1.0


class PatientScheduler(DatabaseScheduler):  # type: ignore[misc]
    """Its base ends at a start without a database, and tells an outage again at each tick."""

    def setup_schedule(self) -> None:
        with ended_by_signals():
            while not is_database_there():
                time.sleep(RETRY_SECONDS)
        super().setup_schedule()

    def schedule_changed(self) -> bool:
        heartbeats.touch("beat")
        return is_database_there() and bool(super().schedule_changed())


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Celery's own handlers ask for the scheduler first, and would make one within the making of one."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)


def is_database_there() -> bool:
    close_old_connections()
    try:
        connection.ensure_connection()
    except DATABASE_IS_AWAY as exc:
        outages.begin(exc)
        return False
    outages.end()
    return True
