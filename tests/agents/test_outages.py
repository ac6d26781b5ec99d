import pytest
from django.db import OperationalError

from agents.outages import Outages


@pytest.fixture
def lines(caplog):
    caplog.set_level("INFO", logger="agents.outages")
    return lambda: [record.getMessage() for record in caplog.records]


def test_many_failures_are_one_line_with_the_first_words_of_the_reason(lines):
    outages = Outages()
    for _ in range(100):
        outages.begin(OperationalError("connection refused\nIs the server running?"))
    assert lines() == ["the database is away, waiting for it: connection refused"]


def test_end_is_one_line_and_the_next_outage_is_told_again(lines):
    outages = Outages()
    for _ in range(2):
        outages.begin(OperationalError())
        outages.end()
        outages.end()
    assert [line[:20] for line in lines()] == ["the database is away", "the database is back"] * 2


def test_no_outage_is_silent(lines):
    Outages().end()
    assert lines() == []
