import json
import logging
import sys
from datetime import datetime

import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError

from cam_site.logs import BriefOutage, JsonLines, TextLines


def filtered(error, message="GET %s failed"):
    try:
        raise error
    except Exception:
        record = logging.LogRecord("x", logging.ERROR, "", 1, message, ("/a",), sys.exc_info())
    assert BriefOutage().filter(record)
    return logging.Formatter().format(record)


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_outage_of_the_database_is_one_line(kind):
    assert filtered(kind("refused\nIs it running?")) == "GET /a failed: refused"


def test_outage_without_words_has_its_name():
    assert filtered(OperationalError()) == "GET /a failed: OperationalError"


def test_other_errors_keep_their_traceback():
    assert "Traceback" in filtered(ValueError("a defect"))


def test_line_without_error_stays_as_it_is():
    record = logging.LogRecord("x", logging.INFO, "", 1, "all %s", ("well",), None)
    assert BriefOutage().filter(record)
    assert record.getMessage() == "all well"


def test_every_log_that_would_repeat_tracebacks_has_it():
    for name in settings.LOGGING["loggers"]:
        assert any(isinstance(item, BriefOutage) for item in logging.getLogger(name).filters)


# The lines themselves

AGENT = "0b0e8f0c-5f0e-4c39-9a0e-3a2f5c1d7e11"
SECRET = "sk-ant-very-secret"


def record_of(message, *arguments, error=None):
    exc_info = None
    if error:
        try:
            raise error
        except Exception:
            exc_info = sys.exc_info()
    return logging.LogRecord("agents.bridge", logging.WARNING, "", 1, message, arguments, exc_info)


def test_line_is_an_object_with_the_ids_that_it_names():
    line = json.loads(JsonLines([SECRET]).format(record_of("agent %s waits", AGENT)))
    assert (line["level"], line["logger"]) == ("WARNING", "agents.bridge")
    assert (line["message"], line["ids"]) == (f"agent {AGENT} waits", [AGENT])
    assert datetime.fromisoformat(line["time"]).tzinfo is not None


@pytest.mark.parametrize("formatter", [TextLines, JsonLines])
def test_secret_is_in_no_line_and_no_traceback(formatter):
    record = record_of("key %s refused", SECRET, error=ValueError(f"bad {SECRET}"))
    written = formatter(["", "short", SECRET]).format(record)
    assert SECRET not in written
    assert written.count("[secret]") == 2
    assert "Traceback" in written
    assert len(written.splitlines()) == (1 if formatter is JsonLines else written.count("\n") + 1)


def test_settings_give_their_secrets_to_the_formatters():
    assert settings.SECRET_KEY in settings.LOGGING["formatters"]["json"]["secrets"]
