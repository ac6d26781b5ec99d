"""What the ingest leaves out is counted for good, by reason, and shown to operators."""

import os
import re
import uuid

import pytest
from django.db import DataError
from django.urls import reverse
from django.utils import timezone

from metrics_app import ingest
from metrics_app.ingest import ingest_spool
from metrics_app.models import IngestCounter, LeftOut, SpoolCheckpoint
from metrics_app.spool_state import SpoolState

pytestmark = pytest.mark.django_db


def counted():
    return {LeftOut(one.reason): one.lines for one in IngestCounter.objects.all()}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"nonsense\n", LeftOut.NOT_JSON),
        (b"[]\n", LeftOut.NOT_JSON),
        (b"\xff\n", LeftOut.NOT_JSON),
        (b'{"version": 2}\n', LeftOut.VERSION),
        (b'{"version": 1, "id": "x"}\n', LeftOut.MALFORMED),
        (b"x" * 300_000 + b"\n", LeftOut.TOO_LONG),
    ],
)
def test_bad_lines_are_counted_by_reason(agent, make_line, spool, bad, reason):
    spool(make_line(agent.pk), bad, bad)
    ingest_spool()
    assert counted() == {reason: 2}


def test_a_torn_line_is_counted_as_torn(agent, make_line, spool):
    path = spool(b'{"version": 1, "id"')
    os.utime(path, (0, 0))
    spool(make_line(agent.pk), name="usage-2.jsonl")
    ingest_spool()
    assert counted() == {LeftOut.TORN: 1}


def test_lines_of_unknown_agents_are_counted(agent, make_line, spool):
    spool(make_line(uuid.uuid4()), make_line(agent.pk), make_line(uuid.uuid4()))
    ingest_spool()
    assert counted() == {LeftOut.UNKNOWN_AGENT: 2}


def test_lines_that_were_stored_before_are_counted_as_repeated(agent, make_line, spool):
    line = make_line(agent.pk)
    spool(line, line)
    ingest_spool()
    spool(line, name="usage-2.jsonl")
    ingest_spool()
    assert counted() == {LeftOut.REPEATED: 2}
    assert not SpoolCheckpoint.objects.filter(bad_lines__gt=0).exists()


def test_rows_that_the_database_refuses_are_counted(agent, make_line, spool, monkeypatch):
    def refuse(rows):
        raise DataError("too much")

    monkeypatch.setattr(ingest, "insert_rows", refuse)
    spool(make_line(agent.pk))
    assert ingest_spool() == 0
    assert counted() == {LeftOut.REFUSED: 1}


def test_counts_outlive_their_files(agent, make_line, spool, settings):
    path = spool(b"nonsense\n")
    spool(make_line(agent.pk), name="usage-2.jsonl")
    ingest_spool()
    os.utime(path, (0, 0))
    ingest_spool()
    assert not path.exists()
    assert counted() == {LeftOut.NOT_JSON: 1}


def test_another_nodes_counts_are_its_own(spool):
    IngestCounter.objects.add("elsewhere", {LeftOut.TORN: 5})
    state = SpoolState.read()
    assert set(state.left_out) == set(LeftOut)
    assert not any(state.left_out.values())


def test_the_state_tells_what_waits(agent, make_line, spool):
    before = timezone.now()
    spool(make_line(agent.pk))
    ingest_spool()
    path = spool(make_line(agent.pk), name="usage-2.jsonl")
    state = SpoolState.read()
    assert (state.files, state.backlog_files) == (2, 1)
    assert state.backlog_bytes == path.stat().st_size
    assert state.last_ingest_at >= before


# The page


@pytest.fixture
def url():
    return reverse("metrics_ingest")


def test_staff_see_reasons_and_backlog(client, staff, url, spool):
    client.force_login(staff)
    spool(b"nonsense\n")
    ingest_spool()
    text = client.get(url).content.decode()
    assert "no JSON object" in text
    assert "nothing" in text


def test_the_last_line_is_told_by_its_day_too(client, staff, agent, url, spool, make_line):
    client.force_login(staff)
    spool(make_line(agent.pk))
    ingest_spool()
    assert re.search(r'<time datetime="[^"]+" data-style="full">', client.get(url).text)


def test_before_the_first_call_it_says_never(client, staff, url, spool):
    client.force_login(staff)
    assert "never" in client.get(url).content.decode()


def test_others_do_not_know_it(client, alice, url):
    client.force_login(alice)
    assert client.get(url).status_code == 404


def test_strangers_log_in_first(client, url):
    assert client.get(url).status_code == 302


def test_it_rejects_post(client, staff, url):
    client.force_login(staff)
    assert client.post(url).status_code == 405
