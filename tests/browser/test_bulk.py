"""Several agents chosen in the list, by keyboard too, and stopped; news leave the choice alone."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import PHONE


@pytest.fixture
def two(alice_client, stack, request):
    folder = stack.workspace(request.node.name.removeprefix("test_"))
    found = [alice_client.launch(folder, name=name) for name in ("first", "second")]
    for agent_id in found:
        alice_client.wait_for_status(agent_id, "idle")
    return found


def select(page, name):
    return page.get_by_role("checkbox", name=f"Select {name}", exact=True)


def stop_button(page):
    return page.get_by_role("button", name=re.compile("^Stop the selected"))


def test_choice_survives_news_and_is_stopped_by_keyboard(
    two, visitor, alice_client, stack, console
):
    page = visitor.open("/?group=workspace")
    expect(stop_button(page)).to_be_disabled()
    select(page, "first").focus()
    page.keyboard.press("Space")
    expect(stop_button(page)).to_have_text(re.compile(r"\(1\)"))
    news = alice_client.launch(stack.workspace("bulk-news"), name="news")
    expect(select(page, "news")).to_be_visible()
    expect(select(page, "first")).to_be_checked()
    expect(select(page, "first")).to_be_focused()
    alice_client.http.delete(f"/api/agents/{news}")
    expect(select(page, "news")).to_have_count(0)

    page.get_by_role("checkbox", name="Select all shown").focus()
    page.keyboard.press("Space")
    expect(select(page, "second")).to_be_checked()
    expect(stop_button(page)).to_have_text(re.compile(r"\(2\)"))
    stop_button(page).press("Enter")
    expect(page.get_by_role("heading", name="Stop 2 agents?")).to_be_visible()
    page.get_by_role("button", name="Stop them").press("Enter")
    expect(page.get_by_role("status").filter(has_text="Stopping:")).to_contain_text("first")
    expect(page).to_have_url(re.compile(r"\?group=workspace"))
    expect(page.locator(".agent-row .chip-stopped")).to_have_count(2, timeout=30_000)


def test_list_is_chosen_from_without_scripts_on_a_phone(two, visitor):
    page = visitor.open("/", java_script_enabled=False, viewport=PHONE)
    select(page, "second").check()
    stop_button(page).click()
    expect(page.get_by_text("Stopping: second.")).to_be_visible()


def test_groups_are_kept_by_the_socket(two, visitor, alice_client, stack):
    page = visitor.open("/")
    page.get_by_label("Groups").select_option("workspace")
    expect(page).to_have_url(re.compile("group=workspace"))
    heading = page.locator(".agent-group-head")
    expect(heading).to_have_count(1)
    expect(heading).to_contain_text("2 agents")
    alice_client.launch(stack.workspace("bulk-other"), name="third")
    expect(heading).to_have_count(2)
