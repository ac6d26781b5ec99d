import logging
import sys

import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError

from cam_site.logs import BriefOutage


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
