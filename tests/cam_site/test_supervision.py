import os
import subprocess
import sys
import time

import pytest

from cam_site import supervision


def sleeper(data_dir):
    return subprocess.Popen(
        [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(60)"],
        env=os.environ | {supervision.MARK: str(data_dir)},
        stdout=subprocess.PIPE,
    )


def test_process_of_a_killed_supervisord_is_found_and_stopped(tmp_path):
    with sleeper(tmp_path) as process:
        process.stdout.readline()
        assert supervision.marked_pids(tmp_path) == [process.pid]
        assert supervision.stop(tmp_path) is True
        assert process.wait(5) == -15


def test_process_of_another_data_directory_is_left_alone(tmp_path):
    mine, other = tmp_path / "data", tmp_path / "data-2"
    mine.mkdir()
    with sleeper(other) as process:
        process.stdout.readline()
        assert supervision.stop(mine) is False
        assert process.poll() is None
        process.kill()


def test_nothing_runs_in_an_empty_directory(tmp_path):
    assert supervision.processes(tmp_path) == []


def test_socket_that_nobody_serves_is_as_none(tmp_path):
    (tmp_path / "supervisor.sock").touch()
    assert supervision.processes(tmp_path) == []


def test_change_after_the_start_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(supervision, "BASE_DIR", tmp_path)
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "apps.py").touch()
    (tmp_path / "supervisord.pid").touch()
    os.utime(tmp_path / "agents" / "apps.py", (1, 1))
    assert not supervision.started_before_last_change(tmp_path)
    later = time.time() + 5
    os.utime(tmp_path / "agents" / "apps.py", (later, later))
    assert supervision.started_before_last_change(tmp_path)


@pytest.mark.parametrize(
    ("state", "uptime_seconds", "is_restarted", "is_steady"),
    [
        ("RUNNING", 3, False, True),
        ("RUNNING", 3, True, False),
        ("RUNNING", 20, True, True),
        ("BACKOFF", 20, False, False),
    ],
)
def test_process_that_failed_before_must_prove_itself(
    state, uptime_seconds, is_restarted, is_steady
):
    process = supervision.Process("web", state, "", uptime_seconds, is_restarted)
    assert process.is_steady is is_steady


def test_web_that_nobody_serves_does_not_answer():
    assert not supervision.web_answers(("127.0.0.1", 1), host_header="localhost")


def test_log_tail_is_the_last_lines(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "web.log").write_bytes(b"one\ntwo\n\xffthree\n")
    assert supervision.log_tail(tmp_path, "web", lines=2) == "two\n�three"
    assert supervision.log_tail(tmp_path, "missing") == ""
