"""Two people and one agent: shared to look at, to act on, and withdrawn again."""

import re

from playwright.sync_api import expect

from tests.browser.visitor import PHONE, AgentPage


def share(page, name, level):
    page.get_by_role("link", name="Share…").click()
    page.get_by_label("Username").fill(name)
    page.get_by_label("They", exact=True).select_option(label=level)
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.locator(".share-list li").filter(has_text=name)).to_contain_text(level)
    page.get_by_role("link", name="Back to the agent").click()


def test_shared_agent_is_watched_then_answered_then_lost(launch, visitor):
    agent = launch("edit hello.txt")
    expect(agent.request("Edit")).to_be_visible(timeout=20_000)
    bobs = AgentPage(visitor.open("/", username="bob"))
    expect(bobs.page.get_by_text("No agents yet")).to_be_visible()

    share(agent.page, "bob", "may look")
    row = bobs.page.locator(".agent-row").filter(has_text="shared by alice")
    row.get_by_role("link").click()
    expect(bobs.page.get_by_text("alice shares this agent with you to look at")).to_be_visible()
    expect(bobs.request("Edit").locator(".diff")).to_be_visible()
    expect(bobs.button("Allow once")).to_be_hidden()
    expect(bobs.prompt).to_be_hidden()

    share(agent.page, "bob", "may act")
    bobs.page.reload()
    bobs.decide("Allow once")
    agent.expect_said("allowed by bob")
    expect(bobs.transcript.locator(".turn-cost")).to_have_text(re.compile(r"\$"), timeout=30_000)

    agent.page.get_by_role("link", name="Share…").click()
    agent.page.get_by_role("button", name="Withdraw from bob").click()
    expect(agent.page.get_by_text("bob does not see")).to_be_visible()
    expect(bobs.page.get_by_text("This agent is gone.").first).to_be_visible(timeout=30_000)


def test_sharing_fits_a_phone(launch, visitor):
    agent = launch()
    page = visitor.open(f"/agents/{agent.id}/sharing/", viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_two_who_look_know_of_each_other(launch, visitor):
    agent = launch()
    share(agent.page, "bob", "may look")
    agent.page.goto(f"/agents/{agent.id}/")
    bobs = visitor.open(f"/agents/{agent.id}/", username="bob")
    expect(bobs.locator("#agent-viewers")).to_have_text("Also here: alice", timeout=15_000)
    expect(agent.page.locator("#agent-viewers")).to_have_text("Also here: bob", timeout=15_000)
    bobs.close()
    expect(agent.page.locator("#agent-viewers")).to_have_text("", timeout=15_000)
