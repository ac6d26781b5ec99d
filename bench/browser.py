"""A real Chromium, signed in, on an agent's page."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

from bench.portal import Portal
from tests.e2e.stack import PASSWORD

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Resolves to the time, in seconds, at which a text first stands in the transcript.
WHEN_SHOWN = """
(text) => new Promise((resolve) => {
  const transcript = document.getElementById("transcript");
  const look = () => {
    if (transcript.lastElementChild?.textContent.includes(text)) {
      observer.disconnect();
      resolve(Date.now() / 1000);
    }
  };
  const observer = new MutationObserver(look);
  observer.observe(transcript, {childList: true});
})
"""


@contextmanager
def agent_page(portal: Portal, agent_id: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS, ignore_default_args=["--headless=old"]
        )
        try:
            page = chromium.new_page()
            page.goto(f"{portal.stack.url}/accounts/login/")
            page.fill("[name=login]", "alice")
            page.fill("[name=password]", PASSWORD)
            page.click("main button")
            page.wait_for_url(f"{portal.stack.url}/")
            page.goto(f"{portal.stack.url}/agents/{agent_id}/")
            page.wait_for_selector("#transcript", state="attached")
            yield page
        finally:
            chromium.close()


def watch_for(page: Page, text: str) -> None:
    """Begin to look for `text`; `shown_at` waits for it."""
    page.evaluate(f"(text) => {{ window.benchShown = ({WHEN_SHOWN})(text); }}", text)


def shown_at(page: Page) -> float:
    return float(page.evaluate("window.benchShown"))
