"""An installation that has worked moves to a PostgreSQL server."""

import subprocess
import sys

from tests.e2e.stack import PROJECT, connect_postgres


def test_everything_is_the_same_in_postgresql(stack, alice_client, postgres, tmp_path):
    agent_id = alice_client.launch(stack.workspace("moves"), "Say hello")
    alice_client.wait_for_status(agent_id, "idle")
    environment = stack.environment | {
        "CAM_DATABASE_URL": stack.database_url or f"sqlite:///{stack.data / 'cam.sqlite3'}",
        # Another than the portal's, which runs on: nobody else writes meanwhile.
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
    with connect_postgres(postgres.url) as after:
        for query in (counts, costs):
            assert after.execute(query).fetchall() == stack.query(query)
    assert stack.query(counts)[0][0] > 3
    assert "agents_sessionevent" in done.stdout
    assert "the same in both" in done.stdout
