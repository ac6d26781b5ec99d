"""From the gateway's files of egress to rows, and to the table on the agent's page."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from metrics_app import egress
from metrics_app.egress import EgressLineError, forget_egress, ingest_egress, parse_egress
from metrics_app.gateway.egress import EgressLog
from metrics_app.models import EgressHost

NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)


@pytest.fixture
def folder(settings, tmp_path):
    settings.CAM_EGRESS_DIR = tmp_path
    return tmp_path


@pytest.fixture
def log(folder):
    return EgressLog(folder)


def make_line(agent_id, **fields):
    return {
        "version": 1,
        "agent_id": str(agent_id),
        "host": "pypi.org",
        "verdict": "allowed",
        "attempts": 1,
        "failures": 0,
        "bytes_sent": 10,
        "bytes_received": 20,
        "methods": ["GET"],
        "reason": "",
        "first_at": NOW.isoformat(),
        "last_at": NOW.isoformat(),
    } | fields


@pytest.fixture
def hand_over(folder):
    def write(*lines, name="egress-1.jsonl"):
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        (folder / name).write_text("".join(f"{text}\n" for text in texts))

    return write


def test_what_the_gateway_summed_up_becomes_rows_and_the_file_goes(log, folder, agent):
    log.allow(str(agent.pk), "pypi.org", "GET").see_received(b"123")
    log.refuse(str(agent.pk), "evil.test", "CONNECT", "not on the list")
    log.flush()
    assert ingest_egress() == 1
    allowed, refused = EgressHost.objects.order_by("verdict")
    assert (allowed.host, allowed.attempts, allowed.bytes_received) == ("pypi.org", 1, 3)
    assert (refused.host, refused.methods, refused.reason) == (
        "evil.test",
        "CONNECT",
        "not on the list",
    )
    assert list(folder.iterdir()) == []


def test_later_files_add_to_the_same_row(hand_over, agent):
    hand_over(make_line(agent.pk))
    ingest_egress()
    later = (NOW + timedelta(minutes=1)).isoformat()
    hand_over(
        make_line(agent.pk, methods=["POST"], failures=1, reason="cut off", last_at=later),
        name="egress-2.jsonl",
    )
    ingest_egress()
    row = EgressHost.objects.get()
    assert (row.attempts, row.failures, row.bytes_sent, row.methods) == (2, 1, 20, "GET, POST")
    assert (row.first_at, row.last_at - row.first_at) == (NOW, timedelta(minutes=1))
    assert row.reason == "cut off"


def test_a_file_that_was_stored_and_not_deleted_counts_once(hand_over, agent):
    for _ in range(2):
        hand_over(make_line(agent.pk))
        ingest_egress()
    assert EgressHost.objects.get().attempts == 1


def test_names_of_an_agent_are_bounded_for_good(hand_over, agent):
    for number in range(3):
        names = [f"h{number}-{one}.test" for one in range(150)]
        hand_over(
            *(make_line(agent.pk, host=name) for name in names), name=f"egress-{number}.jsonl"
        )
        ingest_egress()
    assert EgressHost.objects.count() == egress.MAX_HOSTS + 1
    assert EgressHost.objects.get(host="").attempts == 450 - egress.MAX_HOSTS
    known = make_line(agent.pk, host="h0-0.test")
    hand_over(known, name="egress-9.jsonl")
    ingest_egress()
    assert EgressHost.objects.get(host="h0-0.test").attempts == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"agent_id": "x"},
        {"host": 7},
        {"verdict": "maybe"},
        {"attempts": -1},
        {"attempts": True},
        {"attempts": 10**30},
        {"bytes_sent": "9"},
        {"methods": [[]]},
        {"reason": None},
        {"first_at": "yesterday"},
        {"last_at": 5},
    ],
)
def test_a_line_that_cannot_be_believed_is_left_out_and_the_rest_is_kept(hand_over, agent, changes):
    with pytest.raises(EgressLineError):
        parse_egress(json.dumps(make_line(agent.pk) | changes).encode(), now=NOW)
    hand_over(make_line(agent.pk) | changes, make_line(agent.pk, host="good.test"))
    ingest_egress()
    assert [row.host for row in EgressHost.objects.all()] == ["good.test"]


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "null", "[" * 100_000, '"\\ud800"', "{}"])
def test_a_line_that_is_none_is_left_out(hand_over, agent, text):
    hand_over(text)
    ingest_egress()
    assert not EgressHost.objects.exists()


def test_hostile_texts_are_stored_harmless(hand_over, agent):
    hand_over(make_line(agent.pk, host="<b>\0\ud800", reason="\0\u202e\ud800\x1b[31mred"))
    ingest_egress()
    row = EgressHost.objects.get()
    assert row.host == "(no host name)"
    assert row.reason == "⟨U+202E⟩?red"


def test_a_time_far_ahead_is_now(agent):
    line = parse_egress(
        json.dumps(make_line(agent.pk, last_at="2999-01-01T00:00:00")).encode(), now=NOW
    )
    assert line.last_at == NOW


def test_unknown_agents_are_passed_over(hand_over, agent):
    hand_over(make_line("00000000-0000-0000-0000-000000000000"), make_line(agent.pk))
    ingest_egress()
    assert EgressHost.objects.get().agent_id == agent.pk


def test_a_file_that_is_far_too_large_is_left_out(hand_over, folder, agent, monkeypatch):
    monkeypatch.setattr(egress, "MAX_FILE_BYTES", 10)
    hand_over(make_line(agent.pk))
    ingest_egress()
    assert not EgressHost.objects.exists()
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_not_there_yet_is_quiet(settings, tmp_path, db):
    settings.CAM_EGRESS_DIR = tmp_path / "later"
    assert ingest_egress() == 0


def test_what_was_not_tried_for_long_is_forgotten(settings, agent, hand_over):
    settings.CAM_EGRESS_KEEP_DAYS = 30
    old = (timezone.now() - timedelta(days=31)).isoformat()
    recent = (timezone.now() - timedelta(days=29)).isoformat()
    hand_over(
        make_line(agent.pk, host="old.test", first_at=old, last_at=old),
        make_line(agent.pk, host="recent.test", first_at=old, last_at=recent),
    )
    ingest_egress()
    assert forget_egress() == 1
    assert EgressHost.objects.get().host == "recent.test"


# The table


def test_table_shows_hosts_and_reasons(client, alice, agent, hand_over):
    hand_over(
        make_line(agent.pk, host="", verdict="refused", reason="<b>no</b>"),
        make_line(agent.pk, failures=1),
    )
    ingest_egress()
    client.force_login(alice)
    page = client.get(f"/agents/{agent.pk}/security/").text
    assert "pypi.org" in page
    assert "1 failed" in page
    assert "others" in page
    assert "&lt;b&gt;no&lt;/b&gt;" in page


def test_table_comes_alone_and_only_when_it_has_changed(client, alice, agent, hand_over):
    client.force_login(alice)
    url = f"/agents/{agent.pk}/egress/"
    htmx = {"HX-Request": "true"}
    assert "Nothing yet" in client.get(url, headers=htmx).text
    assert client.get(url, {"version": "0"}, headers=htmx).status_code == 204
    hand_over(make_line(agent.pk))
    ingest_egress()
    answer = client.get(url, {"version": "0"}, headers=htmx)
    assert "pypi.org" in answer.text
    assert "<html" not in answer.text


def test_without_htmx_it_leads_to_the_page(client, alice, agent):
    client.force_login(alice)
    assert client.get(f"/agents/{agent.pk}/egress/").url == f"/agents/{agent.pk}/security/"


def test_strangers_get_404(client, charlie, agent):
    client.force_login(charlie)
    assert client.get(f"/agents/{agent.pk}/egress/").status_code == 404


def test_table_rejects_post(client, alice, agent):
    client.force_login(alice)
    assert client.post(f"/agents/{agent.pk}/egress/").status_code == 405


def test_rows_are_seen_by_the_owner_only(alice, charlie, agent, hand_over):
    hand_over(make_line(agent.pk))
    ingest_egress()
    assert EgressHost.objects.visible_to(alice).count() == 1
    assert not EgressHost.objects.visible_to(charlie).exists()
