"""An installation that has worked moves from SQLite to PostgreSQL."""

import sqlite3
import subprocess
import sys

import pytest

from tests.e2e.stack import PROJECT, connect_postgres


@pytest.fixture
def sqlite_copy(stack, alice_client, tmp_path):
    """A copy of the portal's database after a turn that cost something."""
    if stack.database_url:
        pytest.fail("these tests begin on SQLite; run them without CAM_TEST_DATABASE_URL")
    agent_id = alice_client.launch(stack.workspace("moves"), "Say hello")
    alice_client.wait_for_status(agent_id, "idle")
    path = tmp_path / "cam.sqlite3"
    with sqlite3.connect(f"file:{stack.data / 'cam.sqlite3'}?mode=ro", uri=True) as source:
        source.execute(f"VACUUM INTO '{path}'")
    return path


def test_everything_is_the_same_in_postgresql(stack, sqlite_copy, postgres, tmp_path):
    environment = stack.environment | {
        "CAM_DATABASE_URL": f"sqlite:///{sqlite_copy}",
        "CAM_DATA_DIR": str(tmp_path / "data"),
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "move_database", postgres.url],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    counts = "SELECT count(*), count(DISTINCT agent_id), sum(seq) FROM agents_sessionevent"
    costs = "SELECT count(*), sum(input_tokens) FROM metrics_app_usagerecord"
    with sqlite3.connect(sqlite_copy) as before, connect_postgres(postgres.url) as after:
        for query in (counts, costs):
            assert after.execute(query).fetchone() == before.execute(query).fetchone()
        assert before.execute(counts).fetchone()[0] > 3
    assert "agents_sessionevent" in done.stdout
    assert "the same in both" in done.stdout
