"""The page of an agent's container and egress, and the conversation as a file."""

import pytest
from playwright.sync_api import expect

from tests.e2e.gateway_process import AgentClient, GatewayProcess, TunnelRefusedError


def knock(stack, agent, host):
    """What the agent does when it tries to reach a host."""
    with pytest.raises(TunnelRefusedError):
        AgentClient(GatewayProcess(stack.data), agent.id).open_tunnel(host)


def table_of(page):
    return page.get_by_role("table").filter(has_text="Verdict")


def test_card_is_reached_from_the_agents_page_and_says_how_it_is_held(launch):
    agent = launch("read hello.txt")
    agent.expect_idle_after_turns(1)
    page = agent.page
    expect(page.get_by_text("Held as asked for")).to_be_visible()
    page.get_by_role("link", name="Container and egress").click()
    expect(page.get_by_role("row", name="Network")).to_contain_text("none but the gateway's socket")
    expect(page.get_by_role("row", name="Claude Code")).to_contain_text("2.")
    expect(page.get_by_text("deviates")).to_have_count(0)
    page.get_by_text("The mounts, with their places on the host").click()
    expect(page.get_by_text(str(agent.folder))).to_be_visible()
    expect(table_of(page).get_by_role("row", name="api.anthropic.com")).to_contain_text("allowed")


def test_refused_host_shows_up_by_itself_and_the_focus_stays(stack, launch):
    agent = launch("read hello.txt")
    agent.expect_idle_after_turns(1)
    page = agent.page
    page.goto(f"/agents/{agent.id}/security/")
    expect(table_of(page)).to_be_visible(timeout=15_000)
    page.locator("#egress-table").focus()
    page.evaluate("window.isTheSamePage = true")
    knock(stack, agent, "evil.example")
    row = table_of(page).get_by_role("row", name="evil.example")
    expect(row).to_contain_text("refused", timeout=15_000)
    expect(row).to_contain_text("not on this agent's list of allowed hosts")
    expect(page.locator("#egress-table")).to_be_focused()
    assert page.evaluate("window.isTheSamePage")


def test_a_page_that_nobody_sees_does_not_ask(launch):
    page = launch().page
    page.goto(f"{page.url}security/")
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    is_prevented = page.evaluate(
        "new Promise(done => { addEventListener('htmx:beforeRequest',"
        " event => setTimeout(() => done(event.defaultPrevented)), {once: true});"
        " htmx.ajax('GET', location.href, {source: '#egress', swap: 'none'}); })"
    )
    assert is_prevented
    assert asked == []


def test_lost_portal_is_said_once_and_taken_back(launch, console):
    agent = launch()
    page = agent.page
    page.goto(f"/agents/{agent.id}/security/")
    console.expect("ERR_INTERNET_DISCONNECTED", "^htmx:(?:afterRequest|sendError)")
    page.context.set_offline(True)
    notice = page.get_by_role("alert").filter(has_text="cannot be reached, trying again")
    expect(notice).to_be_visible(timeout=15_000)
    expect(page.get_by_role("status").filter(has_text="This device is offline")).to_be_visible()
    page.context.set_offline(False)
    expect(notice).to_have_count(0, timeout=15_000)
    expect(page.locator("#connection")).to_be_empty()


def test_conversation_is_saved_from_the_page(launch):
    agent = launch("edit hello.txt")
    agent.expect_status("needs you")
    agent.decide("Allow once")
    agent.expect_idle_after_turns(1)
    with agent.page.expect_download() as download:
        agent.page.get_by_role("link", name="Markdown").click()
    text = download.value.path().read_text()
    assert download.value.suggested_filename.endswith(".md")
    assert "## Prompt\n\n> edit hello.txt\n" in text
    assert "*allowed by alice*" in text
