"""Speak to an agent in the real page: Chromium's microphone plays a file, the model is the real one."""

import io
import re
import shutil
import wave

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.visitor import BROWSER_ARGUMENTS, DISCONNECTED, AgentPage, Visitor
from tests.e2e.stack import Client, wait_for
from tests.voice_app.speech import spoken, wav

SAID = "Please run the tests, and tell me what you have changed."
# The microphone may begin in the middle of it.
SAID_SO_FAR = re.compile("tell|you have|changed", re.IGNORECASE)


def with_silence(speech, seconds=4.0):
    """The speech as a microphone hears it: after half a second, and then silence."""
    with wave.open(io.BytesIO(speech)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    before, after = (np.zeros(int(rate * length), "<i2") for length in (0.5, seconds))
    return wav(np.concatenate((before, samples, after)), rate)


@pytest.fixture(scope="module")
def speaking_browser(browser, tmp_path_factory):
    """A browser whose microphone hears SAID, again and again."""
    path = tmp_path_factory.mktemp("speech") / "said.wav"
    path.write_bytes(with_silence(spoken(SAID)))
    program = shutil.which("chromium") or "/usr/bin/chromium"
    chromium = browser.browser_type.launch(
        executable_path=program,
        args=[
            *BROWSER_ARGUMENTS,
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            "--disable-audio-output",
            f"--use-file-for-fake-audio-capture={path}",
        ],
    )
    yield chromium
    chromium.close()


@pytest.fixture
def speaker(speaking_browser, stack, console):
    speaker = Visitor(speaking_browser, stack, console)
    yield speaker
    speaker.close()


@pytest.fixture
def agent(speaker, stack, alice_client, request):
    folder = stack.workspace(f"voice-{request.node.name}"[:60].replace("[", "-").replace("]", ""))
    agent_id = alice_client.launch(folder, "")
    return AgentPage(speaker.open(f"/agents/{agent_id}/"))


@pytest.fixture
def bob_client(stack):
    client = Client(stack, "bob")
    yield client
    for agent in client.get("")["agents"]:
        client.http.delete(f"/api/agents/{agent['id']}")


def expect_said(agent):
    """The final text, once nothing is recorded or listened to any more."""
    expect(agent.page.locator("#recorder")).to_be_hidden(timeout=60_000)
    heard = re.compile("and tell me what you have changed", re.IGNORECASE)
    expect(agent.prompt).to_have_value(heard)


def test_what_is_said_lands_in_the_prompt_box(agent):
    agent.prompt.fill("By the way:")
    agent.button("Speak").click()
    expect(agent.page.locator("#recorder-words")).to_have_text("Listening. Silence ends it.")
    expect(agent.page.locator("#recorder-time")).to_have_text("0:02", timeout=5_000)
    expect_said(agent)
    assert agent.prompt.input_value().startswith("By the way: ")
    expect(agent.transcript).not_to_contain_text("changed")


def test_text_is_there_while_somebody_still_speaks(agent):
    agent.prompt.fill("By the way:")
    agent.button("Speak").click()
    expect(agent.prompt).to_have_value(
        re.compile("^By the way: .*(tell|you have)", re.I), timeout=15_000
    )
    expect(agent.page.locator("#recorder-words")).to_have_text("Listening. Silence ends it.")
    expect(agent.prompt).not_to_be_editable()
    expect_said(agent)
    expect(agent.prompt).to_be_editable()


def test_cancel_brings_back_what_was_written_before(agent):
    agent.prompt.fill("By the way:")
    agent.button("Speak").click()
    expect(agent.prompt).to_have_value(SAID_SO_FAR, timeout=15_000)
    agent.page.locator("#recorder-cancel").click()
    expect(agent.prompt).to_have_value("By the way:")
    expect(agent.prompt).to_be_editable()


def test_sent_while_speaking_is_the_final_text(agent):
    agent.button("Speak").click()
    expect(agent.prompt).to_have_value(SAID_SO_FAR, timeout=15_000)
    agent.button("Send").click()
    expect(agent.transcript).to_contain_text(SAID_SO_FAR, timeout=30_000)
    expect(agent.prompt).to_have_value("")


def test_portal_that_is_away_for_a_moment_loses_no_word(agent, stack, console):
    console.expect(*DISCONNECTED)
    agent.button("Speak").click()
    expect(agent.prompt).to_have_value(SAID_SO_FAR, timeout=15_000)
    stack.kill("web")
    stack.start("web")
    expect_said(agent)
    # Of the parts that the page asks for now and then, one may have been on its way.
    console.errors = [text for text in console.errors if "htmx:sendError" not in text]


def test_keyboard_begins_and_ends_it(agent):
    agent.page.get_by_role("heading", level=1).click()
    agent.page.keyboard.press("v")
    expect(agent.page.locator("#recorder-time")).to_have_text("0:05", timeout=10_000)
    agent.page.keyboard.press("v")
    expect(agent.page.locator("#recorder-words")).to_contain_text("text of it", timeout=5_000)
    expect(agent.prompt).not_to_have_value("", timeout=60_000)


def test_cancelled_recording_leaves_nothing(agent, stack):
    before = stack.query("select count(*) from voice_app_recording")
    agent.button("Speak").click()
    expect(agent.page.locator("#recorder-time")).to_have_text("0:01", timeout=5_000)
    agent.page.keyboard.press("Escape")
    expect(agent.page.locator("#recorder")).to_be_hidden()
    expect(agent.prompt).to_have_value("")
    wait_for(lambda: stack.query("select count(*) from voice_app_recording") == before)


def test_held_button_records_for_as_long_as_it_is_held(agent):
    box = agent.button("Speak").bounding_box()
    mouse = agent.page.mouse
    mouse.move(box["x"] + 5, box["y"] + 5)
    mouse.down()
    expect(agent.page.locator("#recorder-time")).to_have_text("0:04", timeout=10_000)
    mouse.up()
    expect(agent.prompt).not_to_have_value("", timeout=60_000)


def test_refused_microphone_is_said(visitor, stack, alice_client, console):
    agent_id = alice_client.launch(stack.workspace("voice-refused"), "")
    agent = AgentPage(visitor.open(f"/agents/{agent_id}/"))
    agent.button("Speak").click()
    expect(agent.page.locator("#composer .agent-error")).to_contain_text("microphone")
    expect(agent.page.locator("#recorder")).to_be_hidden()


def test_speech_is_sent_at_once_for_who_wants_it(speaker, stack, bob_client):
    page = speaker.open("/config/#voice", username="bob")
    page.get_by_label("What was said").select_option("yes")
    page.locator("#voice").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    agent_id = bob_client.launch(stack.workspace("voice-bob"))
    page.goto(f"/agents/{agent_id}/")
    agent = AgentPage(page)
    agent.button("Speak").click()
    expect(agent.transcript).to_contain_text("changed", timeout=90_000)


def test_missing_model_is_said_before_anybody_is_heard(speaker, stack, bob_client):
    page = speaker.open("/config/#voice", username="bob")
    page.get_by_label("Speech model").select_option("small")
    page.locator("#voice").get_by_role("button", name="Save").click()
    page.goto(f"/agents/{bob_client.launch(stack.workspace('voice-no-model'))}/")
    AgentPage(page).button("Speak").click()
    expect(page.locator("#composer .agent-error")).to_contain_text(
        "model small is not on this site"
    )
    expect(page.locator("#recorder")).to_be_hidden()
