"""A budget that is used up stops agents before they cost anything: real CLI, gateway and portal."""

import re
from decimal import Decimal

import pytest

from tests.e2e.stack import Client, wait_for
from tests.e2e.test_main_job import finish_turn, results

CALL_USD = Decimal("0.4")  # of the usage below
DEAR = "usage out=20000"


@pytest.fixture(scope="module")
def carol_client(stack):
    stack.manage(
        "shell",
        "-c",
        "from django.contrib.auth.models import User; User.objects.create_user('carol')",
    )
    return Client(stack, "carol")


@pytest.fixture
def set_budget(stack):
    """What carol may spend a day from now on."""

    def set_limit(usd):
        stack.manage(
            "shell",
            "-c",
            "from django.contrib.auth.models import User;"
            "from metrics_app.budgets.services import create_budget, set_limit;"
            "from metrics_app.models import Budget;"
            "from decimal import Decimal;"
            "carol = User.objects.get(username='carol');"
            "boss, _ = User.objects.get_or_create(username='boss', is_staff=True);"
            f"limit = Decimal('{usd}');"
            "found = Budget.objects.filter(user=carol).first();"
            "set_limit(found, limit, shown_usd=found.limit_usd, by=boss) if found else"
            " create_budget(by=boss, scope='user', period='day', limit_usd=limit, user=carol)",
        )

    yield set_limit
    stack.manage(
        "shell", "-c", "from metrics_app.models import Budget; Budget.objects.all().delete()"
    )


def read_calls(stack):
    """Status and cost of carol's calls, in the order of their ends."""
    rows = stack.query(
        "SELECT status, cost_usd FROM metrics_app_usagerecord JOIN auth_user"
        " ON auth_user.id = user_id WHERE username = 'carol' AND kind = 'messages'"
    )
    return [(status, Decimal(str(cost or 0))) for status, cost in rows]


def test_an_agent_is_stopped_told_why_and_goes_on_once_the_budget_is_raised(
    stack, carol_client, set_budget
):
    set_budget("0.3")
    agent_id = carol_client.launch(stack.workspace("budget"), f"hello {DEAR}")
    finish_turn(carol_client, agent_id)
    carol_client.post(f"/{agent_id}/send", text=f"again {DEAR}")
    refused = results(finish_turn(carol_client, agent_id, turns=2))[-1]
    assert "budget of carol, $0.30, is used up" in refused["result"]
    assert re.search(r"raised by .*\bboss\b.* at http", refused["result"])
    wait_for(lambda: (402, 0) in read_calls(stack), message=stack.logs)
    assert sum(cost for _, cost in read_calls(stack)) == CALL_USD
    set_budget("100")
    carol_client.post(f"/{agent_id}/send", text="again")
    assert not results(finish_turn(carol_client, agent_id, turns=3))[-1]["is_error"]


def test_racing_agents_overspend_by_no_more_than_the_calls_in_flight(
    stack, carol_client, set_budget
):
    before = sum(cost for _, cost in read_calls(stack))
    limit = before + 3 * CALL_USD
    set_budget(limit)
    agents = [
        carol_client.launch(stack.workspace(f"race-{number}"), f"hello {DEAR}")
        for number in range(4)
    ]
    for agent_id in agents:
        finish_turn(carol_client, agent_id)
    for agent_id in agents:
        carol_client.post(f"/{agent_id}/send", text=f"again {DEAR}")
    for agent_id in agents:
        finish_turn(carol_client, agent_id, turns=2)
    wait_for(lambda: any(status == 402 for status, _ in read_calls(stack)), message=stack.logs)
    spent = sum(cost for _, cost in read_calls(stack))
    assert limit <= spent <= limit + len(agents) * CALL_USD
