"""How the log is written, and what it leaves out."""

import json
import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import InterfaceError, OperationalError

UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
# Shorter ones would be found in every other word.
SECRET_MIN_CHARACTERS = 8


class TextLines(logging.Formatter):
    """Lines for people. No secret that it is given is in any of them, nor in a traceback."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")
        self._secrets = [one for one in secrets if len(one) >= SECRET_MIN_CHARACTERS]

    def format(self, record: logging.LogRecord) -> str:
        return self.without_secrets(super().format(record))

    def without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text


class JsonLines(TextLines):
    """An object a line, for programs: `ids` are those of agents, sessions and calls that the message names."""

    def format(self, record: logging.LogRecord) -> str:
        message = self.without_secrets(record.getMessage())
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": message,
            "ids": UUID.findall(message),
        }
        if record.exc_info:
            line["traceback"] = self.without_secrets(self.formatException(record.exc_info))
        return json.dumps(line)


class BriefOutage(logging.Filter):
    """A database that is away is told in a line: each of its tracebacks has a hundred, all the same."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, OperationalError | InterfaceError):
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            record.msg, record.args = "%s: %s", (record.getMessage().splitlines()[0], reason)
            record.exc_info = record.exc_text = None
        return True
