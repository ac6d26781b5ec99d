"""Backups of a live database, whole or not there, and restored into an empty one."""

import io
import json
import subprocess
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import DEFAULT_DB_ALIAS, connections

from agents.models import Agent
from cam_site import backups
from cam_site.backups import BackupError, check_backup, make_backup, restore_backup
from cam_site.database_copy import CopyError
from tests.cam_site.test_database_copy import any_database, filled  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("any_database")]


def no_tell(_table, _contents):
    return None


@pytest.fixture
def backup(filled, tmp_path, settings):  # noqa: F811
    settings.CAM_DATA_DIR = tmp_path
    settings.CAM_METRICS_DIR = tmp_path / "usage"
    settings.CAM_METRICS_DIR.mkdir()
    settings.BASE_DIR = tmp_path
    (tmp_path / ".env").write_text("CAM_SECRET_KEY=of-then\n")
    (settings.CAM_METRICS_DIR / "usage-1.jsonl").write_text("{}\n")
    folder = tmp_path / "backups/one"
    make_backup(folder, no_tell)
    return folder


def test_backup_is_whole_and_restored_into_an_empty_installation(backup, settings, tmp_path):
    assert backup.stat().st_mode & 0o077 == 0
    check_backup(backup)
    assert (backup / "env").read_text() == "CAM_SECRET_KEY=of-then\n"
    agent = Agent.objects.get()
    call_command("flush", interactive=False, verbosity=0)
    settings.CAM_METRICS_DIR = tmp_path / "restored-usage"
    restore_backup(backup, no_tell)
    restored = Agent.objects.get()
    assert (restored.pk, restored.created_at, restored.owner.username) == (
        agent.pk,
        agent.created_at,
        "alice",
    )
    assert (tmp_path / "restored-usage/usage-1.jsonl").read_text() == "{}\n"
    # What is in use is not overwritten.
    with pytest.raises(CopyError, match="not empty"):
        restore_backup(backup, no_tell)
    assert User.objects.get().username == "alice"
    # Nothing of a damaged one is restored.
    database = backup / backups.DATABASE
    database.write_bytes(database.read_bytes()[:-1])
    with pytest.raises(BackupError, match="damaged"):
        restore_backup(backup, no_tell)


@pytest.mark.parametrize(
    "manifest", [None, "", "[]", "{}", '{"sha256": 1}', '{"sha256": {"cam.sqlite3": "0"}}']
)
def test_folder_that_is_no_backup_is_named(tmp_path, manifest):
    if manifest is not None:
        (tmp_path / backups.MANIFEST).write_text(manifest)
    with pytest.raises(BackupError, match=r"no backup|damaged or missing"):
        restore_backup(tmp_path, no_tell)


def test_name_in_a_manifest_leads_out_of_no_folder(tmp_path):
    (tmp_path / backups.MANIFEST).write_text(json.dumps({"sha256": {"../../etc/passwd": "0"}}))
    with pytest.raises(BackupError, match=f"{tmp_path}/passwd"):
        check_backup(tmp_path)


def test_backup_that_fails_leaves_nothing(alice, tmp_path, settings, monkeypatch):
    def fail(*_arguments):
        raise CopyError("agents_agent: 1 rows were copied, but what is there differs")

    monkeypatch.setattr(backups, "copy_database", fail)
    with pytest.raises(CommandError, match="no backup was made: agents_agent"):
        call_command("backup", str(tmp_path / "backups/one"))
    assert list((tmp_path / "backups").iterdir()) == []
    assert set(connections.settings) == {DEFAULT_DB_ALIAS}


def test_folder_that_is_there_is_not_overwritten(tmp_path):
    with pytest.raises(CommandError, match="is there already"):
        call_command("backup", str(tmp_path))


def test_portal_must_be_down_to_restore(monkeypatch, tmp_path):
    monkeypatch.setattr("agents.management.copying.supervision.processes", lambda _folder: ["web"])
    with pytest.raises(CommandError, match="make down"):
        call_command("restore", str(tmp_path), stdout=io.StringIO())


# The settings' keys


def take_keys(*paths):
    script = Path(__file__).parents[2] / "scripts/take_keys"
    return subprocess.run([script, *paths], check=True, capture_output=True, text=True).stdout


def test_keys_of_then_take_the_place_of_new_ones(tmp_path):
    (tmp_path / "env").write_text("CAM_PORT=1\nCAM_SECRET_KEY=then\nCAM_ENCRYPTION_KEYS=a,b\n")
    (tmp_path / ".env").write_text("CAM_PORT=9000\nexport CAM_SECRET_KEY=new\n")
    assert "keys of the backup" in take_keys(tmp_path / "env", tmp_path / ".env")
    assert (tmp_path / ".env").read_text().splitlines() == [
        "CAM_PORT=9000",
        "CAM_SECRET_KEY=then",
        "CAM_ENCRYPTION_KEYS=a,b",
    ]
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_backup_without_settings_says_what_to_see_to(tmp_path):
    (tmp_path / ".env").write_text("CAM_SECRET_KEY=new\n")
    assert "CAM_SECRET_KEY" in take_keys(tmp_path / "env", tmp_path / ".env")
    assert (tmp_path / ".env").read_text() == "CAM_SECRET_KEY=new\n"
