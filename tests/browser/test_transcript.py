"""The transcript that reads well, and the prompt box: by their words in the real page."""

import io
import os
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.visitor import AgentPage, no_dialogs

FILL = """
from django.utils import timezone
from agents.models import Agent, EventText, SessionEvent
agent = Agent.objects.get(pk="{agent_id}")
session = agent.sessions.get()
first = agent.last_seq
events = SessionEvent.objects.bulk_create(
    SessionEvent(agent=agent, session=session, seq=first + n, kind="assistant", created_at=timezone.now(),
        payload={{"message": {{"content": [{{"type": "text", "text": f"filler number {{n}}"}}]}}}})
    for n in range(1, {count} + 1)
)
EventText.objects.bulk_create(
    EventText(event=event, agent=agent, text=event.payload["message"]["content"][0]["text"]) for event in events
)
Agent.objects.filter(pk=agent.pk).update(last_seq=first + {count})
"""


def picture(folder, size=(300, 200)):
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, "PNG")
    path = folder / "shot.png"
    path.write_bytes(file.getvalue())
    os.chown(path, 1000, 1000)
    return path


def fill(stack, agent, count):
    stack.manage("shell", "--verbosity=0", "-c", FILL.format(agent_id=agent.id, count=count))


@pytest.fixture
def idle(launch):
    agent = launch()
    agent.expect_status("idle")
    return agent


def test_call_and_result_are_one_line_that_opens(launch):
    agent = launch("read hello.txt")
    agent.expect_idle_after_turns(1)
    call = agent.transcript.locator("details.tool")
    expect(call.locator("summary")).to_have_text(re.compile(r"Read hello\.txt.*1\s+hello world"))
    expect(call.locator("pre").last).to_be_hidden()
    call.locator("summary").click()
    expect(call.locator("pre").last).to_contain_text("hello world")


def test_what_a_subagent_does_is_under_its_call(launch):
    agent = launch("subagent read hello.txt")
    fold = agent.transcript.locator("details.subagent")
    expect(fold.locator("li").first).to_be_attached(timeout=20_000)
    expect(agent.transcript.locator("#transcript > [data-parent]:visible")).to_have_count(0)


def test_each_turn_tells_what_it_cost(launch):
    agent = launch("thinking")
    expect(agent.transcript.locator(".turn-cost")).to_have_text(
        re.compile(r"^· \$0\.\d+$"), timeout=30_000
    )


def test_image_that_the_agent_read_is_shown(launch):
    agent = launch()
    picture(agent.folder)
    agent.say("read shot.png")
    image = agent.transcript.get_by_role("img", name=re.compile("Image 1 of line"))
    expect(image).to_be_visible(timeout=30_000)
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 300


def test_picture_is_attached_sent_and_in_the_transcript(idle):
    page = idle.page
    page.locator("#picture").set_input_files(picture(idle.folder))
    expect(page.locator("#attached img")).to_be_visible()
    idle.say("what is this?")
    expect(page.locator("#attached li")).to_have_count(0)
    expect(idle.transcript.get_by_role("img")).to_be_visible(timeout=30_000)
    idle.expect_said("what is this?")


def test_pasted_text_file_is_refused_in_words(idle, console):
    console.expect(r"status of 422")
    idle.page.locator("#picture").set_input_files(
        {"name": "shot.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    expect(idle.page.locator("#composer .error")).to_contain_text("no picture that can be read")
    expect(idle.page.locator("#attached li")).to_have_count(0)


def test_link_to_an_old_line_opens_the_page_that_has_it(idle, stack, visitor):
    fill(stack, idle, 700)
    page = visitor.open(f"/agents/{idle.id}/?at=100#event-100")
    expect(page).to_have_url(re.compile(r"/events/\?at=100#event-100$"))
    expect(page.locator("#event-100")).to_have_class(re.compile("linked"))
    expect(page.locator("#event-100")).to_be_in_viewport()


def test_search_finds_a_line_and_leads_to_it(idle, stack):
    fill(stack, idle, 400)
    page = idle.page
    page.get_by_label("Search this transcript").fill("filler 77")
    page.keyboard.press("Enter")
    hit = page.locator(".found-lines li").filter(has_text="filler number 77")
    hit.get_by_role("link").click()
    expect(page.locator(".linked")).to_contain_text("filler number 77")


def test_ten_thousand_lines_show_their_end_and_the_way_back(idle, stack, visitor):
    fill(stack, idle, 10_000)
    agent = AgentPage(visitor.open(f"/agents/{idle.id}/"))
    expect(agent.rows.last).to_be_in_viewport()
    assert agent.rows.count() <= 300
    agent.page.get_by_role("link", name="Show earlier").click()
    expect(agent.rows).to_have_count(600)
    expect(agent.rows.last).not_to_be_in_viewport()
    agent.say("thinking")
    expect(agent.page.locator("#jump")).to_have_text(re.compile(r"\d+ new below"), timeout=20_000)


def test_draft_is_kept_and_what_was_said_comes_back(idle, visitor):
    idle.say("hello there")
    idle.expect_idle_after_turns(1)
    idle.prompt.press("ArrowUp")
    expect(idle.prompt).to_have_value("hello there")
    idle.prompt.fill("half a thought")
    idle.prompt.press("ArrowUp")
    expect(idle.prompt).to_have_value("half a thought")
    idle.page.reload()
    expect(idle.prompt).to_have_value("half a thought")


def test_slash_offers_the_clis_commands_and_escape_closes_them_only(idle):
    def answer_late(route):
        expect(idle.prompt).to_have_value("/comp")
        route.continue_()

    idle.page.route("**/composer/", answer_late)
    idle.page.reload()
    idle.prompt.press_sequentially("/comp")
    option = idle.page.get_by_role("option", name=re.compile("compact "))
    expect(option).to_be_visible()
    idle.prompt.press("Escape")
    expect(option).to_be_hidden()
    idle.prompt.press_sequentially("a")
    idle.prompt.press("Enter")
    expect(idle.prompt).to_have_value("/compact ")
    expect(idle.transcript.locator(".event-turn")).to_have_count(0)


def test_sentence_that_begins_with_a_path_asks_for_no_commands(idle):
    asked = []
    idle.page.on("request", lambda request: asked.append(request.url))
    idle.prompt.fill("/etc/hosts is wrong")
    idle.page.evaluate("fetch('/healthz').then(() => null)")  # what was asked before is told before
    assert [url for url in asked if url.endswith("/composer/")] == []
    with idle.page.expect_request("**/composer/"):
        idle.prompt.fill("/")


def test_queued_prompt_is_taken_back_to_be_changed(idle):
    idle.say("stall 8")
    idle.expect_status("working")
    idle.say("never mind")
    waiting = idle.queue.locator("li").filter(has_text="never mind")
    waiting.get_by_role("button", name="Edit").click()
    expect(waiting).to_have_count(0)
    expect(idle.prompt).to_have_value("never mind")
    idle.expect_idle_after_turns(1)
    expect(idle.transcript).not_to_contain_text("never mind")


def test_plan_mode_asks_for_the_plan_and_ends_with_its_approval(idle):
    box = idle.page.get_by_label("Plan first")
    box.check()
    idle.say("plan")
    idle.request("ExitPlanMode").get_by_role("button", name="Approve plan").click()
    expect(box).not_to_be_checked(timeout=20_000)
    idle.expect_idle_after_turns(1)
    expect(idle.transcript.locator(".plan")).to_contain_text("Round once, at the end")


def test_comment_on_a_line_goes_into_the_answer_or_the_prompt(launch):
    agent = launch("edit hello.txt")
    page = agent.page
    card = agent.request("Edit")
    card.locator(".line-add .line-number").last.click(timeout=20_000)
    page.get_by_label("Comment", exact=True).fill("say it better")
    page.get_by_role("button", name="Add", exact=True).click()
    message = card.get_by_placeholder("What to do instead")
    expect(message).to_have_value(re.compile(r"hello\.txt.*: say it better$"))
    agent.decide("Allow once")
    agent.expect_idle_after_turns(1)
    lines = agent.transcript.locator(".diff-lines")
    lines.focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        lines.press(key)
    page.get_by_label("Comment", exact=True).fill("shorter")
    page.get_by_label("Comment", exact=True).press("Control+Enter")
    expect(agent.prompt).to_have_value(re.compile(r"hello\.txt:1 `\+hello world.*`: shorter$"))


def test_diff_is_shown_side_by_side_and_stays_so(launch, visitor):
    agent = launch("edit hello.txt", edit_mode="session")
    agent.expect_idle_after_turns(1)
    diff = agent.transcript.locator(".diff")
    diff.get_by_role("button", name="Side by side").click()
    expect(diff.locator(".split tr")).to_have_count(1)
    expect(diff.locator(".split .line-delete")).to_have_text("hello world")
    agent.page.reload()
    expect(diff.locator(".split .line-add")).to_be_visible()
    diff.get_by_role("button", name="Unified").click()
    expect(diff.locator(".split")).to_be_hidden()


def test_hostile_lines_are_inert_and_leave_the_page_usable(idle):
    long = "x" * 100_000
    (idle.folder / "long.txt").write_text(f"{long}\n<script>alert(1)</script>\u202e\x1b[31m\n")
    page = idle.page
    with no_dialogs(page):
        idle.say("hostile")
        idle.expect_idle_after_turns(1)
        idle.say("run bash cat long.txt")
        idle.expect_idle_after_turns(2)
    assert page.locator("#transcript script, #transcript img[onerror]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(idle.prompt).to_be_editable()
