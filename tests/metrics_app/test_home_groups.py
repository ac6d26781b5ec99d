from decimal import Decimal


def test_group_of_agents_tells_its_count_and_what_is_spent_in_it(
    client, alice, make_agent, make_record
):
    for name in ("a", "b"):
        make_record(make_agent(alice, name, workspace="/srv/a"), cost_usd=Decimal("12.50"))
    make_agent(alice, "c", workspace="/srv/b")
    client.force_login(alice)
    page = client.get("/?group=workspace").content.decode()
    assert "2 agents" in page
    assert "$25.00" in page
    assert "1 agent<" in page
