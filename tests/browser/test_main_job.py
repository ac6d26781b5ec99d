"""What a person does with an agent, from the launch to the deletion, every part real."""

import re
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import (
    DISCONNECTED,
    REFUSED,
    AgentPage,
    log_in,
    no_dialogs,
    sequence_to_show,
)
from tests.e2e.stack import docker, wait_for

LINE = "hello world\n"
EDITED = "hello world (edited by the demo)\n"


def longer_than(count):
    return re.compile(f".{{{count + 1},}}", re.DOTALL)


def test_from_login_to_the_first_answer_and_its_cost(stack, visitor, alice_client):
    (stack.workspace("first") / "docs").mkdir()
    page = visitor.open("/", username=None)
    log_in(page, "alice")

    page.get_by_role("link", name="Launch an agent").click()
    page.get_by_role("link", name="first", exact=True).click()
    expect(page.locator(".folder-path")).to_contain_text("workspaces/first")
    page.get_by_role("link", name="docs", exact=True).click()
    expect(page.locator(".folder-path")).to_contain_text("first/docs")
    page.get_by_role("link", name="↑ up").click()
    expect(page.get_by_role("link", name="docs", exact=True)).to_be_visible()
    page.get_by_label("What should it do?").fill("long 1200 usage in=1200 read=5000 out=77")
    page.get_by_role("button", name="Launch").click()

    agent = AgentPage(page)
    expect(page.get_by_role("heading", name="first", level=1)).to_be_visible()
    agent.expect_status("working")
    expect(agent.live).not_to_be_empty(timeout=20_000)
    expect(agent.live).to_have_text(longer_than(len(agent.live.inner_text())))
    expect(agent.status).to_have_text("working")
    expect(agent.paragraphs).to_have_count(0)

    agent.expect_status("idle")
    expect(agent.paragraphs).to_have_count(24)
    expect(agent.live).to_be_empty()
    expect(agent.cost).to_be_visible()
    agent_id = page.url.rstrip("/").rpartition("/")[2]
    spent = stack.query(
        "select sum(cost_usd) from metrics_app_usagerecord where agent_id = ?",
        agent_id.replace("-", ""),
    )
    ledger = Decimal(str(spent[0][0])).quantize(Decimal("0.0000000001"))
    assert ledger > 0
    assert Decimal(agent.cost.get_attribute("value")) == ledger


def test_edit_waits_with_its_diff_and_is_made_once_allowed(launch):
    agent = launch("edit hello.txt")
    agent.expect_status("needs you")
    request = agent.request("Edit")
    expect(request.locator(".line-delete .line-text")).to_have_text("hello world")
    expect(request.locator(".line-add .line-text")).to_have_text("hello world (edited by the demo)")
    assert (agent.folder / "hello.txt").read_text() == LINE

    agent.decide("Allow once")
    agent.expect_said("Done: Edit succeeded")
    agent.expect_said("allowed by alice")
    expect(agent.requests).to_have_count(0)
    expect(agent.transcript.locator(".line-add .line-text")).to_contain_text("edited by the demo")
    assert (agent.folder / "hello.txt").read_text() == EDITED


def test_denied_edit_changes_nothing_and_the_agent_hears_why(launch):
    agent = launch("edit hello.txt")
    agent.requests.get_by_label("Why not, or what to do instead").fill("Not this file, please.")
    agent.decide("Deny")
    agent.expect_said("Edit was refused or failed")
    agent.expect_said("Not this file, please.")
    agent.expect_said("denied by alice")
    agent.expect_status("idle")
    assert (agent.folder / "hello.txt").read_text() == LINE


def test_allow_this_turn_reaches_to_the_turns_end(launch):
    agent = launch("write one.md two.md")
    agent.requests.first.get_by_role("button", name="Allow edits this turn").click()
    agent.expect_status("idle")
    assert (agent.folder / "one.md").exists()
    assert (agent.folder / "two.md").exists()
    expect(agent.edit_mode).to_have_value("ask")

    agent.say("write three.md")
    expect(agent.request("Write")).to_be_visible(timeout=20_000)
    assert not (agent.folder / "three.md").exists()


def test_allow_this_session_reaches_to_the_stop(launch):
    agent = launch("write one.md")
    agent.decide("Allow edits this session")
    expect(agent.edit_mode).to_have_value("session")
    agent.expect_status("idle")
    agent.say("write two.md")
    agent.expect_said(
        "Done: Write succeeded. It returned: File created successfully at: /workspace/two.md"
    )
    assert (agent.folder / "two.md").exists()

    agent.button("Stop").click()
    agent.expect_status("stopped")
    expect(agent.edit_mode).to_have_value("ask")


def test_edit_mode_is_chosen_on_the_page(launch):
    agent = launch("write one.md", edit_mode="off")
    agent.expect_said("switched off")
    assert not (agent.folder / "one.md").exists()

    agent.edit_mode.select_option("Allow edits this session")
    expect(agent.edit_mode).to_have_value("session")
    agent.say("write two.md")
    agent.expect_said("Done: Write succeeded")
    expect(agent.requests).to_have_count(0)
    assert (agent.folder / "two.md").exists()


def test_edit_mode_that_is_chosen_while_an_edit_waits_answers_it(launch):
    agent = launch("write one.md")
    expect(agent.request("Write")).to_be_visible(timeout=20_000)
    agent.edit_mode.select_option("Refuse edits")
    agent.expect_said("denied by alice")
    expect(agent.requests).to_have_count(0)
    assert not (agent.folder / "one.md").exists()


def test_question_is_answered_as_a_form(launch, console):
    agent = launch("question")
    form = agent.request("AskUserQuestion")
    expect(form.get_by_role("group", name="Which colour should the demo paint")).to_be_visible(
        timeout=20_000
    )
    console.expect(REFUSED)
    agent.decide("Answer")
    expect(agent.page.locator("#approval-error")).to_have_text("Answer every question, or decline.")
    form.get_by_label("Blue").check()
    form.get_by_label("Other").fill("nearly black")
    agent.decide("Answer")
    agent.expect_said("Blue, nearly black")
    expect(agent.requests).to_have_count(0)
    expect(agent.page.locator("#approval-error")).to_be_empty()


def test_command_is_shown_whole_and_runs_once_allowed(launch):
    agent = launch("run bash touch made.txt")
    request = agent.request("Bash")
    expect(request.locator("pre")).to_have_text("touch made.txt", timeout=20_000)
    expect(request.get_by_role("button", name="Allow edits this turn")).to_have_count(0)
    assert not (agent.folder / "made.txt").exists()
    agent.decide("Allow once")
    agent.expect_said("Done: Bash succeeded")
    assert (agent.folder / "made.txt").exists()


def test_answer_in_one_tab_takes_the_request_out_of_the_other(launch, visitor):
    agent = launch("edit hello.txt")
    other = AgentPage(visitor.open(f"/agents/{agent.id}/"))
    expect(other.request("Edit")).to_be_visible(timeout=20_000)
    agent.decide("Allow once")
    expect(other.requests).to_have_count(0)
    other.expect_said("allowed by alice")


def test_second_answer_is_told_who_was_first(launch, visitor, console):
    agent = launch("edit hello.txt")
    expect(agent.request("Edit")).to_be_visible(timeout=20_000)
    other = AgentPage(visitor.open("/"))
    other.page.route_web_socket("**/ws/**", lambda socket: None)
    other.page.goto(f"/agents/{agent.id}/")
    agent.decide("Deny")
    agent.expect_said("denied by alice")

    console.expect(REFUSED)
    expect(other.request("Edit")).to_be_visible()
    other.decide("Allow once")
    expect(other.page.locator("#approval-error")).to_contain_text("alice")
    assert (agent.folder / "hello.txt").read_text() == LINE


def test_page_recovers_from_a_restart_in_the_middle_of_an_answer(
    stack, launch, alice_client, console
):
    agent = launch("write one.md two.md three.md", edit_mode="session")
    agent.expect_idle_after_turns(1)
    agent.say("long 2400")
    expect(agent.live).to_contain_text("1. the quick", timeout=30_000)
    before = agent.sequence()
    agent.page.evaluate("window.isTheSamePage = true")

    console.expect(*DISCONNECTED)
    stack.kill("web")
    expect(agent.page.get_by_text("Connection lost, trying again…")).to_be_visible()
    stack.start("web")
    wait_for(stack.answers)

    expect(agent.page.locator("#connection")).to_be_hidden(timeout=30_000)
    agent.expect_status("idle")
    expect(agent.paragraphs).to_have_count(48)
    agent.say("hello")
    agent.expect_said("This is the demo")
    agent.expect_status("idle")
    assert agent.page.evaluate("window.isTheSamePage")
    history = alice_client.history(agent.id)
    assert [event["seq"] for event in history] == list(range(1, len(history) + 1))
    assert agent.sequence() == sequence_to_show(history)
    assert agent.sequence()[: len(before)] == before


def test_prompts_wait_their_turn_in_sight(launch):
    agent = launch("long 20000")
    expect(agent.live).not_to_be_empty(timeout=20_000)
    agent.say("read hello.txt")
    expect(agent.prompt).to_have_value("")
    expect(agent.queue).to_contain_text("read hello.txt")
    expect(agent.transcript).not_to_contain_text("read hello.txt")
    agent.button("Interrupt").click()
    agent.expect_said("Done: Read succeeded")
    expect(agent.queue).not_to_contain_text("read hello.txt")


@pytest.mark.parametrize("way", ["button", "Escape"])
def test_interrupt_ends_the_turn_and_not_the_agent(launch, way):
    agent = launch("long 20000")
    expect(agent.live).not_to_be_empty(timeout=20_000)
    if way == "button":
        agent.button("Interrupt").click()
    else:
        agent.page.keyboard.press("Escape")
    agent.expect_said("Interrupted")
    agent.expect_status("idle")
    expect(agent.button("Interrupt")).to_have_count(0)
    agent.say("hello")
    agent.expect_said("This is the demo")


def test_stopped_agent_goes_on_with_the_next_prompt(launch):
    agent = launch("hello")
    agent.expect_idle_after_turns(1)
    agent.button("Stop").click()
    agent.expect_status("stopped")
    expect(agent.button("Resume")).to_be_visible()

    agent.say("read hello.txt")
    agent.expect_said("Done: Read succeeded")
    agent.expect_said("hello world")
    expect(agent.button("Stop")).to_be_visible()


def test_deletion_asks_first_and_is_for_good(launch, alice_client):
    agent = launch("hello")
    agent.expect_idle_after_turns(1)
    page = agent.page
    address = page.url
    page.get_by_role("link", name="Delete the agent…").click()
    page.get_by_role("link", name="Keep it").click()
    agent.expect_status("idle")

    page.get_by_role("link", name="Delete the agent…").click()
    page.get_by_role("button", name="Delete the agent").click()
    expect(page.get_by_role("heading", name="Agents")).to_be_visible()
    expect(page.locator(f"a[href='/agents/{agent.id}/']")).to_have_count(0)
    wait_for(lambda: not docker("ps", "-aq", "--filter", f"label=cam.agent={agent.id}"))
    assert page.request.get(address).status == 404


def test_hostile_output_is_text(launch):
    agent = launch()
    with no_dialogs(agent.page):
        title = agent.page.title()
        agent.say("hostile")
        agent.expect_said("over everything")
        agent.expect_said('<script>alert("script")</script> <img src=x onerror=alert(1)>')
        agent.expect_said('<b hx-get="/" hx-trigger="load">bold</b>')
        agent.expect_said("⟨U+202E⟩gnp.exe")
        agent.expect_status("idle")
        body = agent.transcript.locator(".prose")
        expect(body.locator("script, img, iframe, form, style, [style], b")).to_have_count(0)
        expect(body.locator("a:not([href^=http])")).to_have_count(0)
        expect(body.locator("br")).to_have_count(4)
        attributes = agent.transcript.evaluate(
            "log => [...log.querySelectorAll('*')].flatMap(e => e.getAttributeNames())"
        )
        assert {"class", "data-seq"} <= set(attributes)
        assert [name for name in attributes if name.startswith(("on", "hx-", "data-hx-"))] == [
            "hx-disable"
        ]
        assert agent.page.title() == title


def test_harmless_markdown_keeps_its_form(launch):
    agent = launch("markdown")
    agent.expect_said("That was all.")
    prose = agent.transcript.locator(".prose")
    expect(prose.get_by_role("heading", name="A page of Markdown")).to_be_visible()
    expect(prose.locator("pre .k").first).to_have_text("def")
    expect(prose.get_by_role("link", name="link")).to_have_attribute("href", "https://example.org/")
    expect(prose.get_by_role("cell", name="Python")).to_be_visible()
