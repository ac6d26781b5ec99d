"""What needs me: answered on the page of all agents, and the list in the shape that its URL says."""

import re

from playwright.sync_api import expect

from tests.browser.visitor import PHONE


def queue_of(page):
    return page.locator("#agent-queue")


def test_edit_is_answered_without_opening_its_agent(launch, visitor, stack, alice_client):
    page = visitor.open("/")
    expect(queue_of(page)).to_contain_text("Nothing needs you")
    agent = launch("edit hello.txt")
    request = page.get_by_role("region", name="Request: Edit")
    expect(request.locator(".diff")).to_contain_text("hello world", timeout=20_000)
    request.get_by_placeholder("What to do instead").fill("half a")
    alice_client.launch(stack.workspace("also-asks"), "edit hello.txt")
    expect(page.get_by_role("region", name="Request: Edit")).to_have_count(2, timeout=20_000)
    expect(request.first.get_by_placeholder("What to do instead")).to_have_value("half a")

    request.first.get_by_role("button", name="Allow once").click()
    expect(page.get_by_role("region", name="Request: Edit")).to_have_count(1)
    agent.expect_said("allowed by alice")


def test_search_keeps_to_the_url_and_the_socket(alice_client, visitor, stack):
    folder = stack.workspace("searched")
    for name in ("needle", "haystack"):
        alice_client.launch(folder, name=name)
    page = visitor.open("/")
    expect(page.locator(".agent-row")).to_have_count(2)
    page.get_by_label("Search").fill("need")
    expect(page.locator(".agent-row")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?q=need"))
    alice_client.launch(folder, name="needless")
    expect(page.locator(".agent-row")).to_have_count(2)
    page.reload()
    expect(page.get_by_label("Search")).to_have_value("need")
    expect(page.locator(".agent-row")).to_have_count(2)


def test_what_waits_fits_a_phone(launch, visitor):
    agent = launch("edit hello.txt")
    expect(agent.request("Edit")).to_be_visible(timeout=20_000)
    page = visitor.open("/", viewport=PHONE)
    expect(page.get_by_role("button", name="Allow once")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
