import json
import os
import uuid
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, DataError, connection
from django.utils import timezone

from agents.bridge_jobs import jobs
from agents.models import AgentSession
from metrics_app import ingest
from metrics_app.ingest import ingest_spool
from metrics_app.models import SpoolCheckpoint, UsageRecord

pytestmark = pytest.mark.django_db

STARTED = datetime.fromisoformat("2026-11-23T17:00:00+00:00")


@pytest.fixture
def rung(monkeypatch):
    """Ids of the agents whose doorbell is rung."""
    agent_ids = []
    monkeypatch.setattr(ingest, "ring_agents_on_commit", agent_ids.extend)
    return agent_ids


def make_old(path, **age):
    moment = (timezone.now() - timedelta(**age)).timestamp()
    os.utime(path, (moment, moment))


def test_it_stores_a_call_with_its_cost(agent, alice, make_line, spool, rung):
    line = make_line(agent.pk)
    spool(line)
    assert ingest_spool() == 1
    record = UsageRecord.objects.get()
    assert str(record.attempt_id) == line["id"]
    assert (record.user, record.agent) == (alice, agent)
    assert record.cost_usd == Decimal("0.00914")
    assert (record.cache_write_5m_tokens, record.cache_write_1h_tokens) == (200, 100)
    assert record.raw_usage == line["usage"]


def test_it_keeps_what_the_line_says(agent, make_line, spool, rung):
    spool(make_line(agent.pk, error="cut", complete=False, retry_count=1, claude_session_id="c1"))
    ingest_spool()
    record = UsageRecord.objects.get()
    assert record.started_at == STARTED
    assert (record.path, record.method, record.status) == ("/v1/messages", "POST", 200)
    assert (record.error, record.retry_count, record.claude_session_id) == ("cut", 1, "c1")
    assert (record.first_byte_ms, record.total_ms) == (12.3, 456.7)
    assert record.is_estimated


def test_it_stores_what_a_cut_answer_wrote_as_part_of_the_output(agent, make_line, spool, rung):
    spool(make_line(agent.pk, complete=False, uncounted_output_tokens=1000))
    ingest_spool()
    record = UsageRecord.objects.get()
    assert (record.output_tokens, record.uncounted_output_tokens) == (1077, 1000)
    assert (record.cost_usd, record.is_estimated) == (Decimal("0.02914"), True)
    assert record.raw_usage["output_tokens"] == 77


def test_an_answer_that_told_no_usage_has_no_uncounted_output(agent, make_line, spool, rung):
    spool(make_line(agent.pk, complete=False, usage=None, uncounted_output_tokens=1000))
    ingest_spool()
    record = UsageRecord.objects.get()
    assert (record.output_tokens, record.uncounted_output_tokens) == (0, 0)
    assert record.is_unpriced


def test_it_names_uncounted_tokens_that_it_does_not_believe(agent, make_line, spool, rung):
    spool(make_line(agent.pk, complete=False, error="cut", uncounted_output_tokens=-5))
    ingest_spool()
    record = UsageRecord.objects.get()
    assert (record.output_tokens, record.uncounted_output_tokens) == (77, 0)
    assert record.error == "cut; not believed: uncounted_output_tokens"


def test_it_rings_each_agent_once(agent, bob, make_agent, make_line, spool, rung):
    other = make_agent(bob)
    spool(make_line(agent.pk), make_line(other.pk), make_line(agent.pk))
    ingest_spool()
    assert sorted(rung) == sorted([agent.pk, other.pk])


def test_it_goes_on_where_it_stopped(agent, make_line, spool, rung):
    spool(make_line(agent.pk))
    assert ingest_spool() == 1
    spool(make_line(agent.pk))
    assert ingest_spool() == 1
    assert SpoolCheckpoint.objects.get().lines == 2


def test_duplicate_ingest_is_quiet(agent, make_line, spool, rung):
    spool(make_line(agent.pk))
    ingest_spool()
    rung.clear()
    SpoolCheckpoint.objects.all().delete()
    assert ingest_spool() == 0
    assert UsageRecord.objects.count() == 1
    assert rung == []


def test_a_line_that_is_there_twice_counts_once(agent, make_line, spool, rung):
    line = make_line(agent.pk)
    spool(line, line)
    spool(line, name="usage-2.jsonl")
    assert ingest_spool() == 1
    assert not SpoolCheckpoint.objects.filter(bad_lines__gt=0).exists()


def test_a_stored_attempt_is_never_changed(agent, make_line, spool, rung):
    line = make_line(agent.pk)
    spool(line)
    ingest_spool()
    spool(line | {"usage": {"output_tokens": 5_000_000}})
    assert ingest_spool() == 0
    assert UsageRecord.objects.get().cost_usd == Decimal("0.00914")


def test_rows_and_checkpoint_stand_or_fall_together(agent, make_line, spool, rung, monkeypatch):
    def fail(*args, **kwargs):
        raise DatabaseError("gone")

    spool(make_line(agent.pk))
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "F", fail)
        with pytest.raises(DatabaseError):
            ingest_spool()
    assert UsageRecord.objects.count() == 0
    assert SpoolCheckpoint.objects.get().offset == 0
    assert ingest_spool() == 1


@pytest.mark.django_db(transaction=True)
def test_rows_and_checkpoint_are_written_in_one_transaction(
    agent, make_line, spool, rung, monkeypatch
):
    begun = []
    insert = ingest._insert

    def watch(*args):
        begun.append(connection.in_atomic_block)
        return insert(*args)

    monkeypatch.setattr(ingest, "_insert", watch)
    spool(make_line(agent.pk))
    ingest_spool()
    assert begun == [True]


def test_another_reader_that_was_first_is_left_alone(agent, make_line, spool, rung, monkeypatch):
    path = spool(make_line(agent.pk))
    make_rows = ingest.make_rows

    def overtake(*args):
        SpoolCheckpoint.objects.update(offset=path.stat().st_size, lines=1)
        return make_rows(*args)

    monkeypatch.setattr(ingest, "make_rows", overtake)
    assert ingest_spool() == 0
    assert UsageRecord.objects.count() == 0
    assert SpoolCheckpoint.objects.get().lines == 1


@pytest.mark.parametrize(
    "bad",
    [
        b"nonsense\n",
        b"\n",
        b"\xff\xfe\xfd\n",
        b'{"version": 1}\n',
        b"\x00" * 500 + b"\n",
        b"[" * 90_000 + b"\n",
        b"x" * 300_000 + b"\n",
    ],
)
def test_a_bad_line_is_counted_logged_and_skipped(agent, make_line, spool, rung, caplog, bad):
    spool(make_line(agent.pk), bad, make_line(agent.pk))
    assert ingest_spool() == 2
    checkpoint = SpoolCheckpoint.objects.get()
    assert (checkpoint.lines, checkpoint.bad_lines) == (3, 1)
    assert "usage-1.jsonl" in caplog.text
    assert all(len(record.getMessage()) < 400 for record in caplog.records)


def test_a_line_of_an_unknown_agent_is_counted_and_skipped(make_line, spool, rung, caplog):
    spool(make_line(uuid.uuid4()))
    assert ingest_spool() == 0
    assert SpoolCheckpoint.objects.get().bad_lines == 1
    assert "unknown agent" in caplog.text


def test_a_deleted_agent_still_pays(alice, make_agent, make_line, spool, rung):
    agent = make_agent(alice, deleted_at=timezone.now())
    spool(make_line(agent.pk))
    assert ingest_spool() == 1


def test_values_that_were_not_believed_are_noted(agent, make_line, spool, rung):
    spool(make_line(agent.pk, error="e", retry_count=-1, usage={"input_tokens": -5}))
    ingest_spool()
    assert UsageRecord.objects.get().error == ("e; not believed: retry_count, usage.input_tokens")


def test_a_torn_last_line_is_left_until_it_is_whole(agent, make_line, spool, rung):
    whole = json.dumps(make_line(agent.pk)).encode() + b"\n"
    spool(whole[:50])
    assert ingest_spool() == 0
    spool(whole[50:])
    assert ingest_spool() == 1
    assert SpoolCheckpoint.objects.get().bad_lines == 0


def test_a_torn_last_line_is_given_up_once_a_newer_file_is_in_use(agent, make_line, spool, rung):
    path = spool(b'{"version": 1, "id"')
    make_old(path, minutes=1)
    spool(make_line(agent.pk), name="usage-2.jsonl")
    assert ingest_spool() == 1
    checkpoint = SpoolCheckpoint.objects.get(name=path.name)
    assert checkpoint.bad_lines == 1
    assert checkpoint.offset == path.stat().st_size


def test_a_torn_line_that_was_just_written_is_left_beside_a_newer_file(
    agent, make_line, spool, rung
):
    spool(b'{"version": 1, "id"')
    spool(make_line(agent.pk), name="usage-2.jsonl")
    ingest_spool()
    assert SpoolCheckpoint.objects.get(name="usage-1.jsonl").offset == 0


def test_another_file_of_the_same_name_is_read_anew(agent, make_line, spool, rung):
    path = spool(make_line(agent.pk), make_line(agent.pk))
    ingest_spool()
    path.rename(path.with_suffix(".gone"))
    spool(make_line(agent.pk))
    assert ingest_spool() == 1


def test_a_file_that_shrank_is_read_anew(agent, make_line, spool, rung):
    line = make_line(agent.pk)
    path = spool(line, make_line(agent.pk))
    ingest_spool()
    path.write_bytes(b"")
    spool(line)
    assert ingest_spool() == 0
    assert SpoolCheckpoint.objects.get().offset == path.stat().st_size


def test_checkpoints_of_deleted_files_are_harmless(agent, make_line, spool, rung):
    spool(make_line(agent.pk)).unlink()
    SpoolCheckpoint.objects.create(node="local", name="usage-0.jsonl", identity="1:1", offset=99)
    spool(make_line(agent.pk), name="usage-2.jsonl")
    assert ingest_spool() == 1


def test_checkpoints_of_other_nodes_are_left_alone(agent, make_line, spool, rung):
    theirs = SpoolCheckpoint.objects.create(
        node="elsewhere", name="usage-1.jsonl", identity="1:1", offset=10**6
    )
    spool(make_line(agent.pk))
    assert ingest_spool() == 1
    theirs.refresh_from_db()
    assert theirs.offset == 10**6


def test_a_folder_that_is_not_there_yet_is_no_error(settings, tmp_path):
    settings.CAM_METRICS_DIR = tmp_path / "none"
    assert ingest_spool() == 0


def test_only_regular_files_of_the_spool_are_read(agent, make_line, spool, rung, tmp_path):
    spool(make_line(agent.pk), name="other.jsonl")
    (tmp_path / "usage-0.jsonl").mkdir()
    (tmp_path / "usage-1.jsonl").symlink_to(tmp_path / "other.jsonl")
    os.mkfifo(tmp_path / "usage-2.jsonl")
    assert ingest_spool() == 0
    assert not SpoolCheckpoint.objects.exists()


def test_a_file_that_cannot_be_opened_does_not_stop_the_others(
    agent, make_line, spool, rung, monkeypatch, caplog
):
    spool(make_line(agent.pk))
    spool(make_line(agent.pk), name="usage-2.jsonl")
    read_batch = ingest.read_batch

    def refuse_first(file, *args, **kwargs):
        if file.name.endswith("usage-1.jsonl"):
            raise PermissionError("no")
        return read_batch(file, *args, **kwargs)

    monkeypatch.setattr(ingest, "read_batch", refuse_first)
    assert ingest_spool() == 1
    ingest_spool()
    assert caplog.text.count("cannot be read") == 1


def test_an_old_file_that_is_read_is_removed(agent, make_line, spool, rung):
    old = spool(make_line(agent.pk))
    make_old(old, days=31)
    spool(make_line(agent.pk), name="usage-2.jsonl")
    ingest_spool()
    assert old.exists()
    ingest_spool()
    assert not old.exists()
    assert SpoolCheckpoint.objects.get().name == "usage-2.jsonl"
    assert UsageRecord.objects.count() == 2


def test_an_old_file_that_is_not_read_stays(agent, make_line, spool, rung, monkeypatch):
    monkeypatch.setattr(ingest, "MAX_BATCHES_PER_RUN", 0)
    old = spool(make_line(agent.pk))
    make_old(old, days=31)
    spool(make_line(agent.pk), name="usage-2.jsonl")
    ingest_spool()
    ingest_spool()
    assert old.exists()


def test_the_newest_file_and_younger_ones_stay(agent, make_line, spool, rung):
    young = spool(make_line(agent.pk))
    make_old(young, days=29)
    newest = spool(make_line(agent.pk), name="usage-2.jsonl")
    make_old(newest, days=99)
    ingest_spool()
    ingest_spool()
    assert young.exists()
    assert newest.exists()


def test_a_run_is_bounded_and_the_next_goes_on(agent, make_line, spool, rung, monkeypatch):
    monkeypatch.setattr(ingest, "MAX_BATCHES_PER_RUN", 1)
    monkeypatch.setattr("metrics_app.spool.MAX_BATCH_LINES", 2)
    spool(*(make_line(agent.pk) for _ in range(3)))
    assert ingest_spool() == 2
    assert ingest_spool() == 1


def test_one_row_that_the_database_refuses_does_not_hold_up_the_rest(
    agent, make_line, spool, rung, monkeypatch, caplog
):
    bad = make_line(agent.pk)
    insert_rows = ingest.insert_rows

    def refuse(rows):
        if any(str(row.attempt_id) == bad["id"] for row in rows):
            raise DataError("too much")
        insert_rows(rows)

    monkeypatch.setattr(ingest, "insert_rows", refuse)
    spool(make_line(agent.pk), bad, make_line(agent.pk))
    assert ingest_spool() == 2
    assert SpoolCheckpoint.objects.get().bad_lines == 1
    assert bad["id"] in caplog.text


def open_session(agent, number, start_minutes, end_minutes=None):
    session = AgentSession.objects.create(agent=agent, number=number)
    start, end = (
        None if minutes is None else STARTED + timedelta(minutes=minutes)
        for minutes in (start_minutes, end_minutes)
    )
    AgentSession.objects.filter(pk=session.pk).update(created_at=start, ended_at=end)
    return session


def test_a_call_belongs_to_the_session_that_was_open(agent, make_line, spool, rung):
    open_session(agent, 1, -60, -30)
    right = open_session(agent, 2, -20, 5)
    spool(make_line(agent.pk))
    ingest_spool()
    assert UsageRecord.objects.get().session == right


def test_a_call_may_belong_to_a_session_that_still_runs(agent, make_line, spool, rung):
    session = open_session(agent, 1, -20)
    spool(make_line(agent.pk))
    ingest_spool()
    assert UsageRecord.objects.get().session == session


def test_a_call_outside_all_sessions_has_none(agent, bob, make_agent, make_line, spool, rung):
    open_session(agent, 1, 5)
    open_session(make_agent(bob), 1, -20)
    spool(make_line(agent.pk))
    ingest_spool()
    assert UsageRecord.objects.get().session is None


def test_nothing_new_costs_one_query(agent, make_line, spool, rung, django_assert_num_queries):
    spool(make_line(agent.pk))
    spool(make_line(agent.pk), name="usage-2.jsonl")
    ingest_spool()
    with django_assert_num_queries(1):
        ingest_spool()


def test_queries_do_not_grow_with_lines(
    agent, make_line, spool, rung, django_assert_max_num_queries
):
    spool(*(make_line(agent.pk) for _ in range(20)))
    with django_assert_max_num_queries(20):
        assert ingest_spool() == 20


def test_the_bridge_runs_it():
    job = next(job for job in jobs if job.name == "usage ingest")
    assert job.run is ingest_spool
    assert job.every_seconds == 0.5
