"""A person at a browser: pages, what their consoles say, and the words of this site's pages."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from agents.rows import parts_of
from tests.e2e.stack import PASSWORD, Stack

BROWSER_ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PHONE = {"width": 360, "height": 740}
REFUSED = r"status of 422"
NOT_FOUND = r"status of 404"
# What was asked is asked anew while the answer is on its way: htmx says so as if it were an error.
REPLACED = r"^htmx:(sendAbort|afterRequest), "
# The second one where a connection was just being made when the server was killed.
DISCONNECTED = (
    r"ERR_(CONNECTION_REFUSED|CONNECTION_RESET|SOCKET_NOT_CONNECTED)",
    r"^\[object Event\] .*htmx",
)
# The browser's warning where a part of a page goes before its socket is connected; htmx calls that an error.
CLOSED_UNCONNECTED = "WebSocket is closed before the connection is established"
UNNAMED_EVENT = "[object Event]"


@dataclass
class Console:
    """Errors of a test's pages. Each must be expected, and each that is expected must come."""

    errors: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    _closed_unconnected: int = 0

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.errors.append(f"uncaught: {error.error}"))

    def _hear(self, message) -> None:
        url = message.location.get("url", "")
        if message.type == "warning" and CLOSED_UNCONNECTED in message.text and "/hx-ws" in url:
            self._closed_unconnected += 1
        elif message.text == UNNAMED_EVENT and self._closed_unconnected:
            self._closed_unconnected -= 1
        elif message.type == "error":
            self.errors.append(f"{message.text} ({url})")

    def expect(self, *patterns: str) -> None:
        self.expected += patterns

    def unexpected(self) -> list[str]:
        fine = [*self.expected, REPLACED]
        return [text for text in self.errors if not any(re.search(p, text) for p in fine)]

    def missing(self) -> list[str]:
        return [p for p in self.expected if not any(re.search(p, text) for text in self.errors)]


class Visitor:
    """Opens pages as somebody; a login is made once for each user of a portal."""

    _cookies: dict[tuple[str, str], list] = {}

    def __init__(self, browser: Browser, stack: Stack, console: Console) -> None:
        self._browser = browser
        self._stack = stack
        self._console = console
        self._contexts: list[BrowserContext] = []

    def open(self, path: str = "/", *, username: str | None = "alice", **options: object) -> Page:
        """A page of a fresh context: nothing is shared with the test's other pages but the user."""
        context = self._browser.new_context(base_url=self._stack.url, **options)
        context.set_default_timeout(15_000)
        self._console.watch(context)
        self._contexts.append(context)
        if username is not None:
            context.add_cookies(self._cookies_of(username))
        page = context.new_page()
        page.goto(path)
        return page

    def _cookies_of(self, username: str) -> list:
        key = (self._stack.url, username)
        if key not in self._cookies:
            page = self.open("/accounts/login/", username=None)
            log_in(page, username)
            self._cookies[key] = page.context.cookies()
        return self._cookies[key]

    def close(self) -> None:
        for context in self._contexts:
            context.close()


class AgentPage:
    """An agent's page in the words of who looks at it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.status = page.locator("#agent-status .chip")
        self.transcript = page.get_by_role("log", name="Transcript")
        self.rows = self.transcript.locator("[data-seq]")
        self.paragraphs = self.transcript.locator(".prose ol > li")
        self.live = page.locator("#live")
        self.queue = page.locator("#agent-outbox")
        self.cost = page.locator("#agent-cost data.usd")
        self.prompt = page.get_by_label("Prompt", exact=True)
        self.edit_mode = page.get_by_label("File edits")
        self.requests = page.get_by_role("region", name=re.compile("^Request: "))

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def request(self, tool: str) -> Locator:
        return self.page.get_by_role("region", name=f"Request: {tool}")

    def say(self, text: str) -> None:
        self.prompt.fill(text)
        self.button("Send").click()

    def decide(self, answer: str) -> None:
        """Press a button of the one request that waits."""
        self.requests.get_by_role("button", name=answer, exact=True).click()

    def expect_status(self, status: str) -> None:
        expect(self.status).to_have_text(status, timeout=30_000)

    def expect_said(self, text: str | re.Pattern[str]) -> None:
        expect(self.transcript).to_contain_text(text, timeout=30_000)

    def expect_idle_after_turns(self, count: int) -> None:
        """Idle alone would not do: so is an agent that has started and not begun its prompt."""
        expect(self.transcript.locator(".event-turn")).to_have_count(count, timeout=30_000)
        self.expect_status("idle")

    def sequence(self) -> list[int]:
        return self.rows.evaluate_all("rows => rows.map(row => Number(row.dataset.seq))")


def log_in(page: Page, username: str, password: str = PASSWORD) -> None:
    page.get_by_label("Login").fill(username)
    page.get_by_label("Password").fill(password)
    page.locator("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Agents")).to_be_visible()


def sequence_to_show(history: list[dict]) -> list[int]:
    """The numbers of the lines that need a row."""
    return [event["seq"] for event in history if parts_of(event["kind"], event["payload"])]


@contextmanager
def no_dialogs(page: Page) -> Iterator[None]:
    opened: list[str] = []

    def note(dialog) -> None:
        opened.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    yield
    assert opened == []
