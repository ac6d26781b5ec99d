"""By keyboard: the palette, single keys, and that they do nothing while somebody types."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import PHONE

FOCUSED = "element => element === document.activeElement"


def palette_of(page):
    return page.get_by_role("dialog", name="Find anything")


@pytest.fixture
def asking(launch):
    """An agent that wants to edit a file, and waits."""
    agent = launch("edit hello.txt")
    agent.expect_status("needs you")
    expect(agent.request("Edit")).to_be_visible()
    return agent


# The palette


def test_palette_finds_an_agent_and_enter_opens_it(visitor, launch):
    agent = launch(name="Needle in the haystack")
    page = visitor.open("/metrics/")
    page.keyboard.press("Control+k")
    palette = palette_of(page)
    expect(palette.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("needle")
    expect(palette.get_by_role("option", selected=True)).to_contain_text("Needle in the haystack")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/agents/{agent.id}/$"))


def test_enter_before_the_answer_opens_what_was_meant(visitor):
    page = visitor.open("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("budgets")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/metrics/budgets/$"))


def test_enter_without_words_does_nothing(launch):
    agent = launch()
    agent.expect_status("idle")
    agent.page.keyboard.press("Control+k")
    expect(palette_of(agent.page).get_by_role("option", name="Stop")).to_be_visible()
    agent.page.keyboard.press("Enter")
    expect(palette_of(agent.page)).to_be_visible()
    expect(agent.status).to_have_text("idle")


def test_arrows_go_round_and_the_reader_hears_which(visitor):
    page = visitor.open("/")
    page.keyboard.press("Meta+k")
    palette = palette_of(page)
    page.keyboard.type("cost")
    expect(palette.get_by_role("option", selected=True)).to_contain_text("Cost")
    expect(palette.get_by_role("status")).to_have_text(re.compile(r"^\d found$"))
    names = palette.get_by_role("option").all_inner_texts()
    page.keyboard.press("ArrowUp")
    chosen = palette.get_by_role("option", selected=True)
    expect(chosen).to_have_text(names[-1])
    page.keyboard.press("ArrowDown")
    expect(chosen).to_have_text(names[0])
    active = palette.get_by_role("combobox").get_attribute("aria-activedescendant")
    assert chosen.get_attribute("id") == active


def test_escape_closes_it_gives_the_focus_back_and_interrupts_nothing(launch):
    agent = launch("long 3000")
    agent.expect_status("working")
    agent.prompt.focus()
    agent.page.keyboard.press("Control+k")
    expect(palette_of(agent.page)).to_be_visible()
    agent.page.keyboard.press("Escape")
    expect(palette_of(agent.page)).to_be_hidden()
    expect(agent.prompt).to_be_focused()
    expect(agent.status).to_have_text("working")
    agent.page.keyboard.press("Escape")
    agent.expect_said("Interrupted")


def test_palette_stops_this_agent_and_leaves_the_page_as_it_is(launch):
    agent = launch()
    agent.expect_status("idle")
    agent.prompt.fill("half a thought")
    agent.page.keyboard.press("Control+k")
    agent.page.keyboard.type("stop")
    expect(palette_of(agent.page).get_by_role("option", selected=True)).to_have_text("Stop")
    agent.page.keyboard.press("Enter")
    agent.expect_status("stopped")
    expect(agent.prompt).to_have_value("half a thought")


def test_palette_says_when_it_finds_nothing(visitor):
    page = visitor.open("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("zzzzzz")
    expect(palette_of(page).get_by_role("status")).to_contain_text("Nothing is called that")


def test_button_opens_it_on_a_phone_and_a_tap_beside_closes_it(visitor):
    page = visitor.open("/", viewport=PHONE, has_touch=True)
    page.get_by_role("link", name="Find").tap()
    expect(palette_of(page)).to_be_visible()
    page.touchscreen.tap(180, 735)
    expect(palette_of(page)).to_be_hidden()


def test_without_scripts_the_button_opens_a_page(visitor):
    page = visitor.open("/", java_script_enabled=False)
    page.get_by_role("link", name="Find").click()
    page.get_by_label("An agent, a page or a folder").fill("budgets")
    page.locator("main").get_by_role("button", name="Find").click()
    page.locator("main").get_by_role("link", name="Budgets").click()
    expect(page).to_have_url(re.compile("/metrics/budgets/$"))


# Single keys


def test_g_and_a_letter_go_places(visitor):
    page = visitor.open("/")
    for keys, path in (("gc", "/metrics/"), ("gb", "/metrics/budgets/"), ("ga", "/")):
        page.keyboard.type(keys)
        # With its scripts: before them the next keys go nowhere.
        page.wait_for_url(re.compile(f"{path}$"), wait_until="load")


def test_overlay_lists_the_keys_and_switches_them_off(visitor):
    page = visitor.open("/")
    page.keyboard.press("?")
    overlay = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(overlay).to_contain_text("Allow the request that has the focus, once")
    overlay.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    expect(overlay).to_be_hidden()
    page.keyboard.type("gc")
    page.keyboard.press("?")
    expect(overlay).to_be_hidden()
    page.reload()
    page.keyboard.type("gc")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(overlay.get_by_role("checkbox")).not_to_be_checked()
    expect(page).to_have_url(re.compile(r":\d+/$"))
    overlay.get_by_role("checkbox").check()
    overlay.get_by_role("button", name="Close").click()
    page.keyboard.type("gc")
    expect(page).to_have_url(re.compile("/metrics/$"))


def test_j_and_k_walk_the_agents_and_the_focus_outlives_news(stack, visitor, alice_client):
    ids = [alice_client.launch(stack.workspace(name)) for name in ("walked-1", "walked-2")]
    page = visitor.open("/")
    links = page.locator(".agent-link")
    expect(links).to_have_count(2)
    page.keyboard.press("j")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(links.nth(0)).to_be_focused()
    for agent_id in ids:
        alice_client.wait_for_status(agent_id, "idle")
        alice_client.post(f"/{agent_id}/stop")
    expect(page.locator(".agent-rows .chip-stopped")).to_have_count(2, timeout=30_000)
    expect(links.nth(0)).to_be_focused()


def test_keys_answer_the_request_that_has_the_focus(asking):
    asking.page.evaluate("document.activeElement.blur()")
    asking.page.keyboard.press("j")
    expect(asking.request("Edit")).to_be_focused()
    asking.page.keyboard.press("a")
    asking.expect_said("allowed by alice")
    assert "edited" in (asking.folder / "hello.txt").read_text()


def test_d_denies_from_within_the_card(asking):
    asking.request("Edit").get_by_role("button", name="Allow once", exact=True).focus()
    asking.page.keyboard.press("d")
    asking.expect_said("denied by alice")
    assert (asking.folder / "hello.txt").read_text() == "hello world\n"


def test_stray_keys_answer_nothing(asking):
    page = asking.page
    page.evaluate("document.activeElement.blur()")
    page.keyboard.type("ad")
    page.keyboard.press("j")
    for modifier in ("Control", "Alt", "Shift"):
        page.keyboard.press(f"{modifier}+d")
    asking.request("Edit").get_by_label("Why not").focus()
    page.keyboard.type("add a?/jk")
    asking.prompt.focus()
    page.keyboard.type("a gc d?/")
    expect(asking.prompt).to_have_value("a gc d?/")
    expect(asking.request("Edit")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(asking.status).to_have_text("needs you")


def test_slash_goes_to_the_prompt_and_rows_are_walked(launch):
    agent = launch("markdown")
    agent.expect_idle_after_turns(1)
    agent.page.evaluate("document.activeElement.blur()")
    agent.page.keyboard.press("j")
    expect(agent.rows.last).to_be_focused()
    agent.page.keyboard.press("k")
    assert agent.rows.nth(agent.rows.count() - 2).evaluate(FOCUSED)
    agent.page.keyboard.press("/")
    expect(agent.prompt).to_be_focused()
    expect(agent.prompt).to_have_value("")
