"""What the log leaves out."""

import logging

from django.db import InterfaceError, OperationalError


class BriefOutage(logging.Filter):
    """A database that is away is told in a line: each of its tracebacks has a hundred, all the same."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, OperationalError | InterfaceError):
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            record.msg, record.args = "%s: %s", (record.getMessage().splitlines()[0], reason)
            record.exc_info = record.exc_text = None
        return True
