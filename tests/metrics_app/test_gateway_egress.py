"""The gateway's sums of what agents reach: bounded, handed over in files, whole or not at all."""

import json
from datetime import UTC, datetime

import pytest

from metrics_app.gateway import egress
from metrics_app.gateway.egress import EgressLog, clean_host

NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)
AGENT = "5b0c3f0e-1111-4222-8333-444455556666"


@pytest.fixture
def log(tmp_path):
    return EgressLog(tmp_path, clock=lambda: NOW)


def read(folder):
    return [
        json.loads(line)
        for path in sorted(folder.glob("egress-*.jsonl"))
        for line in path.read_text().splitlines()
    ]


def test_attempts_at_a_host_become_one_line(log, tmp_path):
    passage = log.allow(AGENT, "PyPI.org.", "GET")
    passage.see_sent(b"12345")
    passage.see_received(b"123")
    log.allow(AGENT, "pypi.org", "POST").fail("no such name")
    log.flush()
    (line,) = read(tmp_path)
    assert (line["host"], line["verdict"], line["methods"]) == (
        "pypi.org",
        "allowed",
        ["GET", "POST"],
    )
    assert (line["attempts"], line["failures"], line["reason"]) == (2, 1, "no such name")
    assert (line["bytes_sent"], line["bytes_received"]) == (5, 3)
    assert line["first_at"] == line["last_at"] == NOW.isoformat()


def test_refused_and_allowed_are_two_lines(log, tmp_path):
    log.allow(AGENT, "a.test", "GET")
    log.refuse(AGENT, "a.test", "GET", "over the budget")
    log.flush()
    assert [line["verdict"] for line in read(tmp_path)] == ["allowed", "refused"]


@pytest.mark.parametrize(
    ("host", "cleaned"),
    [
        ("EXAMPLE.org.", "example.org"),
        ("10.0.0.1", "10.0.0.1"),
        ("[fe80::1%eth0]", "fe80::1"),
        ("<script>alert(1)</script>", "(no host name)"),
        ("a" * 100_000, "(no host name)"),
        ("", "(no host name)"),
        ("a\nb\u202e", "(no host name)"),
    ],
)
def test_hosts_have_one_form_and_rubbish_is_one(host, cleaned):
    assert clean_host(host) == cleaned


def test_a_hundred_thousand_hosts_cost_bounded_lines_and_lose_no_attempt(log, tmp_path):
    for number in range(100_000):
        log.refuse(AGENT, f"host{number}.test", "CONNECT", "not allowed")
    log.flush()
    lines = read(tmp_path)
    assert len(lines) == egress.MAX_HOSTS + 1
    assert sum(line["attempts"] for line in lines) == 100_000
    assert lines[-1]["host"] == egress.OTHERS


def test_one_agents_flood_leaves_others_their_names(log, tmp_path):
    for number in range(1000):
        log.refuse(AGENT, f"host{number}.test", "CONNECT", "no")
    log.refuse("another", "quiet.test", "CONNECT", "no")
    log.flush()
    assert "quiet.test" in [line["host"] for line in read(tmp_path)]


def test_unknown_methods_and_long_reasons_are_cut(log, tmp_path):
    log.refuse(AGENT, "a.test", "X" * 9000, "r" * 9000)
    log.flush()
    (line,) = read(tmp_path)
    assert (line["methods"], len(line["reason"])) == (["other"], egress.MAX_REASON_CHARACTERS)


def test_nothing_to_tell_writes_nothing(log, tmp_path):
    log.flush()
    assert list(tmp_path.iterdir()) == []


def test_what_is_handed_over_is_not_told_again(log, tmp_path):
    log.refuse(AGENT, "a.test", "GET", "no")
    log.flush()
    log.flush()
    assert len(read(tmp_path)) == 1


def test_while_nobody_reads_the_sums_wait_and_the_folder_stays_small(log, tmp_path):
    for number in range(egress.MAX_FILES):
        (tmp_path / f"egress-{number}.jsonl").write_text("")
    for _ in range(3):
        log.refuse(AGENT, "a.test", "GET", "no")
        log.flush()
    assert read(tmp_path) == []
    (tmp_path / "egress-0.jsonl").unlink()
    log.flush()
    assert [line["attempts"] for line in read(tmp_path)] == [3]


def test_a_folder_that_cannot_be_written_is_tried_again(log, tmp_path):
    tmp_path.rmdir()
    log.refuse(AGENT, "a.test", "GET", "no")
    log.flush()
    tmp_path.mkdir()
    log.flush()
    assert [line["attempts"] for line in read(tmp_path)] == [1]


def test_it_flushes_at_most_once_a_second(log, tmp_path):
    log.flush_if_due(100)
    log.refuse(AGENT, "a.test", "GET", "no")
    log.flush_if_due(100.5)
    assert read(tmp_path) == []
    log.flush_if_due(101)
    assert len(read(tmp_path)) == 1
