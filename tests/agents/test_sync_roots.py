import os
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from agents.models import WorkspaceRoot
from agents.sample_workspace import Owner, agent_owner, make_default_root

ME = Owner(os.getuid(), os.getgid())


@pytest.fixture
def data_dir(settings, tmp_path):
    settings.CAM_DATA_DIR = tmp_path
    settings.CAM_BROWSE_ROOTS = [tmp_path / "workspaces"]
    return tmp_path


def run() -> str:
    out = StringIO()
    call_command("sync_roots", stdout=out)
    return out.getvalue()


def git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=repository, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_first_run_makes_the_default_root_with_a_sample(db, data_dir):
    run()
    assert WorkspaceRoot.objects.get().path == str(data_dir / "workspaces")
    assert (data_dir / "workspaces" / "sample" / "cart.py").exists()
    assert [p.name for p in data_dir.iterdir()] == ["workspaces"]


def test_default_root_is_not_roots(db, data_dir):
    run()
    paths = [data_dir / "workspaces", *(data_dir / "workspaces").rglob("*")]
    assert all(path.lstat().st_uid != 0 for path in paths)


def test_second_run_is_quiet_and_touches_no_workspace(db, data_dir):
    run()
    (data_dir / "workspaces" / "sample" / "cart.py").unlink()
    assert run() == ""
    assert not (data_dir / "workspaces" / "sample" / "cart.py").exists()


def test_root_that_an_administrator_added_or_narrowed_stays(db, data_dir, alice):
    run()
    WorkspaceRoot.objects.update(for_everyone=False)
    WorkspaceRoot.objects.create(path="/srv/added")
    run()
    assert set(WorkspaceRoot.objects.values_list("path", "for_everyone")) == {
        ("/srv/added", True),
        (str(data_dir / "workspaces"), False),
    }


def test_missing_directory_is_refused_and_named(db, settings, data_dir):
    settings.CAM_BROWSE_ROOTS = [data_dir / "nowhere"]
    with pytest.raises(CommandError, match=r"CAM_BROWSE_ROOTS.*nowhere"):
        run()
    assert not WorkspaceRoot.objects.exists()


def test_file_as_root_is_refused(db, settings, data_dir):
    (data_dir / "file").touch()
    settings.CAM_BROWSE_ROOTS = [data_dir / "file"]
    with pytest.raises(CommandError, match="file"):
        run()


def test_sample_is_a_clean_repository_with_one_commit_and_no_hooks(tmp_path):
    make_default_root(tmp_path / "workspaces", owner=ME)
    sample = tmp_path / "workspaces" / "sample"
    assert git(sample, "status", "--porcelain") == ""
    assert git(sample, "log", "--format=%an %s").strip() == "CAM A small shop, to try agents on"
    assert not (sample / ".git" / "hooks").exists()


def test_sample_has_a_test_that_fails_for_an_agent_to_mend(tmp_path):
    make_default_root(tmp_path / "workspaces", owner=ME)
    done = subprocess.run(
        ["python3", "-m", "unittest"],
        cwd=tmp_path / "workspaces" / "sample",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "FAILED (failures=1)" in done.stderr


def test_failure_on_the_way_leaves_no_half_made_root(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        make_default_root(tmp_path / "workspaces", owner=ME)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environ", "owner"),
    [
        ({"SUDO_UID": "1234", "SUDO_GID": "99"}, Owner(1234, 99)),
        ({"SUDO_UID": "0"}, Owner(1000, 1000)),
        ({"SUDO_UID": "x; rm"}, Owner(1000, 1000)),
        ({}, Owner(1000, 1000)),
    ],
)
def test_what_root_installs_is_the_callers(monkeypatch, environ, owner):
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert agent_owner(Path("/"), environ) == owner


def test_what_a_user_installs_is_the_users(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    monkeypatch.setattr(os, "getgid", lambda: 5678)
    assert agent_owner(Path("/"), {"SUDO_UID": "1"}) == Owner(1234, 5678)
