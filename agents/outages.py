"""One line when the database goes away and one when it is back, however many threads notice."""

import logging
import threading
import time

from django.db import InterfaceError, OperationalError

logger = logging.getLogger(__name__)

# What Django raises where the database is away. Others are defects and say more.
DATABASE_IS_AWAY = (OperationalError, InterfaceError)


class Outages:
    """A process has one. Whoever gets no answer tells it, and so does who looks regularly and gets one."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._lock = threading.Lock()

    def begin(self, error: Exception) -> None:
        with self._lock:
            if self._since is None:
                self._since = time.monotonic()
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                logger.warning("the database is away, waiting for it: %s", reason)

    def end(self) -> None:
        with self._lock:
            if self._since is not None:
                seconds = time.monotonic() - self._since
                self._since = None
                logger.warning("the database is back after %.1f s", seconds)


outages = Outages()
