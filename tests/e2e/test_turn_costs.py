"""Our cost of a turn, from the gateway's rows, is the real CLI's own figure; calls know their tool."""

from uuid import UUID

from tests.e2e.stack import wait_for
from tests.e2e.test_main_job import finish_turn


def test_turns_agree_with_the_cli_and_calls_know_their_tool(stack, alice_client):
    agent_id = alice_client.launch(stack.workspace("turns"), "edit hello.txt", edit_mode="session")
    finish_turn(alice_client, agent_id)
    alice_client.post(f"/{agent_id}/send", text="hello")
    finish_turn(alice_client, agent_id, turns=2)

    def compared():
        rows = stack.query(
            "SELECT turn, is_flagged, our_cost_usd > 0, reason FROM metrics_app_turncost"
            " WHERE agent_id = ? AND our_cost_usd IS NOT NULL ORDER BY turn",
            UUID(agent_id).hex,
        )
        return len(rows) == 2 and rows

    assert wait_for(compared, message=stack.logs) == [(1, 0, 1, ""), (2, 0, 1, "")]
    calls = stack.query(
        "SELECT turn, tool_name FROM metrics_app_usagerecord"
        " WHERE agent_id = ? AND kind = 'messages' ORDER BY started_at",
        UUID(agent_id).hex,
    )
    assert (1, "Edit") in calls
    assert calls[-1] == (2, "")


def test_a_subagents_calls_know_its_type_and_the_call_that_started_it(stack, alice_client):
    agent_id = alice_client.launch(stack.workspace("subagents"), "subagent read hello.txt")
    finish_turn(alice_client, agent_id)

    def noted():
        rows = stack.query(
            "SELECT subagent, parent_tool_use_id != '', tool_name FROM metrics_app_usagerecord"
            " WHERE agent_id = ? AND turn = 1 ORDER BY started_at",
            UUID(agent_id).hex,
        )
        return any(row[0] for row in rows) and rows

    rows = wait_for(noted, message=stack.logs)
    assert ("general-purpose", 1, "Read") in rows
    assert ("", 0, "Agent") in rows
