"""Every check once well and once not; that each says what to do."""

import io
import os
import time
from collections import namedtuple
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from agents import containers, health_checks
from agents.diagnosis import Trouble, checks, diagnose
from cam_site import heartbeats
from metrics_app.health_checks import check_gateway, check_spool
from voice_app.health_checks import check_model

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def engine(monkeypatch):
    """An engine that says what it is told to."""
    told = {"ServerVersion": "28.1", "SystemTime": datetime.now(UTC).isoformat()}
    monkeypatch.setattr(containers, "engine_info", lambda: told)
    return told


@pytest.fixture
def site(settings, tmp_path):
    settings.CAM_DATA_DIR = tmp_path
    settings.BASE_DIR = tmp_path
    settings.CAM_HEARTBEAT_DIR = tmp_path / "heartbeats"
    settings.CAM_GATEWAY_HEARTBEAT = tmp_path / "gateway-heartbeat"
    settings.CAM_METRICS_DIR = tmp_path
    settings.CAM_WHISPER_DIR = tmp_path / "whisper"
    tmp_path.chmod(0o700)
    return tmp_path


def fails(error):
    def fail(*_args, **_options):
        raise error

    return fail


def test_every_part_is_looked_at():
    assert {
        *("engine", "image", "gateway", "spool", "clock", "disk", "permissions", "broker"),
        *("database", "speech model", *heartbeats.PROCESSES),
    } == set(checks)


def test_engine(engine, monkeypatch):
    assert health_checks.check_engine() == "Docker 28.1"
    monkeypatch.setattr(containers, "engine_info", fails(containers.EngineUnavailable("refused")))
    with pytest.raises(Trouble, match="start it"):
        health_checks.check_engine()


def test_image(monkeypatch):
    monkeypatch.setattr(containers, "image_created", lambda _name: "2026-11-26T10:00:00Z")
    assert health_checks.check_image() == "cam-agent:latest, built 2026-11-26"
    monkeypatch.setattr(containers, "image_created", fails(containers.ImageMissing("")))
    with pytest.raises(Trouble, match="build it with agent_image/build"):
        health_checks.check_image()


def test_clock(engine, db):
    assert "engine" in health_checks.check_clock()
    engine["SystemTime"] = "2020-01-01T00:00:00.123456789Z"
    with pytest.raises(Trouble, match="run a time service"):
        health_checks.check_clock()


def test_disk(site, monkeypatch):
    monkeypatch.setattr(health_checks.shutil, "disk_usage", lambda _path: Usage(9, 9, 9 * 10**9))
    assert "9.0 GB free" in health_checks.check_disk()
    monkeypatch.setattr(health_checks.shutil, "disk_usage", lambda _path: Usage(9, 9, 10**9))
    with pytest.raises(Trouble, match="make room"):
        health_checks.check_disk()


def test_permissions(site):
    (site / ".env").touch(mode=0o600)
    assert health_checks.check_permissions() == "private"
    (site / ".env").chmod(0o640)
    with pytest.raises(Trouble, match=r"chmod go= .*\.env"):
        health_checks.check_permissions()
    site.chmod(0o755)
    with pytest.raises(Trouble, match="chmod go="):
        health_checks.check_permissions()


def test_broker(monkeypatch):
    class Broker:
        policy = "noeviction"

        def info(self):
            return {"redis_version": "8.0", "maxmemory_policy": self.policy}

        def __enter__(self):
            return self

        def __exit__(self, *_exc):
            return None

    monkeypatch.setattr(health_checks, "open_broker", Broker)
    assert health_checks.check_broker() == "redis 8.0"
    Broker.policy = "allkeys-lru"
    with pytest.raises(Trouble, match="set maxmemory-policy noeviction"):
        health_checks.check_broker()
    monkeypatch.setattr(health_checks, "open_broker", fails(RedisConnectionError("refused")))
    with pytest.raises(Trouble, match="make restart"):
        health_checks.check_broker()


def test_database(db, monkeypatch):
    assert "every migration applied" in health_checks.check_database()
    monkeypatch.setattr(
        health_checks.MigrationExecutor, "migration_plan", lambda _self, _targets: [1, 2]
    )
    with pytest.raises(Trouble, match="2 migrations are not applied: make up"):
        health_checks.check_database()
    monkeypatch.setattr(health_checks, "MigrationExecutor", fails(OperationalError("no route")))
    with pytest.raises(Trouble, match="CAM_DATABASE_URL"):
        health_checks.check_database()


@pytest.mark.parametrize("process", heartbeats.PROCESSES)
def test_processes(site, process):
    check = health_checks.heartbeat_check(process)
    with pytest.raises(Trouble, match="never seen"):
        check()
    heartbeats.touch(process)
    assert check() == "alive 0 s ago"
    old = time.time() - 100
    os.utime(site / "heartbeats" / process, (old, old))
    with pytest.raises(Trouble, match="100 s ago: make logs"):
        check()


def test_heartbeat_that_cannot_be_written_ends_nothing(settings):
    settings.CAM_HEARTBEAT_DIR = settings.BASE_DIR / "manage.py" / "no-folder"
    heartbeats.touch("worker")
    assert heartbeats.age_seconds(heartbeats.path_of("worker")) is None


def test_gateway(site):
    with pytest.raises(Trouble, match="never seen"):
        check_gateway()
    heartbeat = site / "gateway-heartbeat"
    heartbeat.touch()
    assert check_gateway() == "alive 0 s ago"
    old = time.time() - 100
    os.utime(heartbeat, (old, old))
    with pytest.raises(Trouble, match="make logs"):
        check_gateway()


def test_spool(site, db, settings):
    assert check_spool() == "0 files, 0 bytes to ingest"
    (site / "usage-1.jsonl").write_bytes(b"x" * 2_000_000)
    with pytest.raises(Trouble, match="2,000,000 bytes are not ingested"):
        check_spool()
    settings.CAM_METRICS_DIR = site / "none"
    with pytest.raises(Trouble, match="cannot be written"):
        check_spool()


def test_model(site, db):
    with pytest.raises(Trouble, match="fetch_whisper_model base"):
        check_model()
    folder = site / "whisper/base"
    folder.mkdir(parents=True)
    for name in ("model.bin", "config.json"):
        (folder / name).touch()
    assert check_model() == "base is here"


def test_check_that_fails_otherwise_is_trouble_of_its_own():
    finding = diagnose("disk", fails(ValueError("odd")))
    assert (finding.is_well, finding.words) == (
        False,
        "could not be looked at: ValueError: odd",
    )


def test_command_lists_all_and_fails_where_something_is_wrong(monkeypatch):
    monkeypatch.setattr(
        "agents.management.commands.doctor.checks",
        {"disk": lambda: "9 GB free", "broker": fails(Trouble("start it"))},
    )
    told = io.StringIO()
    with pytest.raises(CommandError, match="1 of 2 need you"):
        call_command("doctor", stdout=told)
    assert told.getvalue().splitlines() == [
        "ok      disk         9 GB free",
        "TROUBLE broker       start it",
    ]
