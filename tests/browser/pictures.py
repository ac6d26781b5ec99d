"""The README's pictures. `python -m tests.browser.pictures` makes them anew, in docs/pictures.

They show a portal of their own with made-up people, code and costs, where a script is the model.
"""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple
from unittest.mock import patch

from playwright.sync_api import Page, expect, sync_playwright

from agents.demo_api import script
from agents.demo_api.conversation import Conversation
from agents.demo_api.replies import Block, Reply, Text, ToolUse
from agents.demo_api.server import DemoServer
from bench.cost.rows import Rates, make_calls
from bench.cost.spool import write_spool
from bench.cost.world import SECONDS_A_CALL, BenchAgent, Session
from bench.portal import Portal, bench_portal
from tests.browser.visitor import BROWSER_ARGUMENTS, AgentPage, Console, Visitor
from tests.e2e.stack import PROJECT, wait_for

PICTURES = PROJECT / "docs/pictures"
VIEWPORT = {"width": 1280, "height": 970}
# Charts move into place, and costs come a moment after their turn.
SETTLE_MS = 2000
DAYS = 60
LONGER_THAN_THE_RUN_SECONDS = 600

INVOICE = '''\
"""What an invoice comes to."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Line:
    quantity: int
    unit_price: Decimal
    discount: Decimal = Decimal(0)

    @property
    def net(self) -> Decimal:
        full = self.quantity * self.unit_price
        return (full * (1 - self.discount)).quantize(CENT, ROUND_HALF_UP)


def total(lines: list[Line], vat: Decimal) -> Decimal:
    """The gross amount."""
    net = sum((line.net for line in lines), Decimal(0))
    return (net * (1 + vat)).quantize(CENT, ROUND_HALF_UP)
'''
OLD_CODE = '''\
        full = self.quantity * self.unit_price
        return (full * (1 - self.discount)).quantize(CENT, ROUND_HALF_UP)


def total(lines: list[Line], vat: Decimal) -> Decimal:
    """The gross amount."""
'''
NEW_CODE = '''\
        """Not rounded: `total` does that, once."""
        return self.quantity * self.unit_price * (1 - self.discount)


def total(lines: list[Line], vat: Decimal) -> Decimal:
    """The gross amount, in whole cents."""
'''
WORKSPACES = {
    "billing-api": {"invoice.py": INVOICE, "refunds.py": "def refund(order): ...\n"},
    "storefront": {
        "checkout.css": ".checkout { background: #fff; color: #222; }\n",
        "search.js": "export const search = (words) => fetch(`/search?q=${words}`);\n",
        "package.json": '{"devDependencies": {"vite": "^6.0.0"}}\n',
    },
    "docs": {
        "login.md": "# Logging in\n\nThe session cookie lasts for a day.\n",
        "api.md": "# API\n\nSend the session cookie with each call.\n",
    },
}


class Job(NamedTuple):
    """What an agent is told, what it replies (one tool at a time), and what the list then shows."""

    folder: str
    name: str
    model: str
    prompt: str
    replies: tuple[Reply, ...]
    shows: str


def use(tool: str, said: str = "", **given: object) -> Reply:
    text: tuple[Block, ...] = (Text(said),) if said else ()
    return Reply((*text, ToolUse(tool, given)))


def say(text: str) -> Reply:
    return Reply((Text(text),))


THINK_ON = Reply((Text("Done."),), stall_seconds=LONGER_THAN_THE_RUN_SECONDS)
JOBS = (
    Job(
        "docs",
        "Old login pages",
        "claude-haiku-4-5",
        "Which pages still describe the old login?",
        (
            use("Bash", command="grep -n cookie *.md"),
            say("Two pages do: login.md, and api.md in its first paragraph."),
        ),
        "Finished: Two pages do",
    ),
    Job(
        "storefront",
        "Dark checkout",
        "claude-sonnet-5-5",
        "Give the checkout a dark mode.",
        (use("Read", file_path="/workspace/checkout.css"), THINK_ON),
        "Reading checkout.css",
    ),
    Job(
        "storefront",
        "Search as you type",
        "claude-opus-5-5",
        "Search while the customer types.",
        (use("Read", file_path="/workspace/search.js"), THINK_ON),
        "Reading search.js",
    ),
    Job(
        "storefront",
        "Vite 7",
        "claude-opus-5-5",
        "Upgrade the build to Vite 7.",
        (
            use("Read", file_path="/workspace/package.json"),
            use("Bash", command="npm install --save-dev vite@7"),
        ),
        "1 to answer",
    ),
    Job(
        "billing-api",
        "Invoices a cent too high",
        "claude-opus-5-5",
        "What does this service do?",
        (say("It adds up invoices (invoice.py) and pays money back (refunds.py)."),),
        "Finished: It adds up",
    ),
)
ROUNDING = "Invoices with discounts are sometimes a cent too high. Find out why and fix it."
REPLIES = {job.prompt: job.replies for job in JOBS} | {
    ROUNDING: (
        use("Bash", "I look for where amounts are rounded.", command="grep -n quantize *.py"),
        use("Read", file_path="/workspace/invoice.py"),
        use(
            "Edit",
            "Each line is rounded, and then the sum once more: two half cents become a whole one. "
            "I round **only the total**.",
            file_path="/workspace/invoice.py",
            old_string=OLD_CODE,
            new_string=NEW_CODE,
        ),
    )
}
# Whose agents worked in the past days: owner, folder, name, model, and what they did last.
PAST = (
    ("alice", "storefront", "Product photos", "claude-opus-5-5", "Finished: Photos load lazily."),
    ("alice", "billing-api", "Python 3.13", "claude-sonnet-5-5", "Finished: All tests pass."),
    ("bob", "billing-api", "Direct debit", "claude-opus-5-5", "Finished: It is in."),
    ("bob", "docs", "Spanish tutorial", "claude-haiku-4-5", "Finished: Done."),
    ("carol", "storefront", "Accessible forms", "claude-sonnet-5-5", "Finished: Done."),
)
# Where the portal's folders would be on a server.
SHOW_PATHS = """([real, shown]) => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode())
        texts.currentNode.data = texts.currentNode.data.replaceAll(real, shown);
}"""


def answer(conversation: Conversation) -> script.Answer:
    replies = REPLIES.get(conversation.prompt)
    if replies is None or conversation.side is not None:
        return script.answer(conversation)
    return replies[len(conversation.results)]


@contextmanager
def scripted_model() -> Iterator[str]:
    """Yields its URL."""
    with patch("agents.demo_api.server.answer", answer), DemoServer(0, pace=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def make_past(portal: Portal) -> int:
    """Store people and agents, and spool the calls of these; returns how many calls."""
    now, dice = datetime.now(UTC), Random(7)
    sessions = [
        session for past in PAST for session in make_sessions(make_agent(portal, *past), now, dice)
    ]
    calls = list(make_calls(sessions, Rates(now)))
    spool = portal.stack.data / "usage"
    spool.mkdir(exist_ok=True)
    write_spool(spool / "usage-1.jsonl", calls)
    return len(calls)


def make_agent(
    portal: Portal, owner: str, folder: str, name: str, model: str, activity: str
) -> BenchAgent:
    from django.contrib.auth.models import User  # Django is set up once there is a portal

    from agents.models import Agent, Status

    user, _ = User.objects.update_or_create({"is_staff": owner == "alice"}, username=owner)
    agent = Agent.objects.create(
        owner=user,
        name=name,
        workspace=str(portal.stack.workspaces / folder),
        model=model,
        status=Status.STOPPED,
        activity=activity,
        last_event_at=datetime.now(UTC) - timedelta(days=1),
        node="-",
    )
    return BenchAgent(agent.pk, user.pk, name, agent.workspace, model, agent.created_at, False)


def make_sessions(agent: BenchAgent, now: datetime, dice: Random) -> Iterator[Session]:
    """One on most working days."""
    from agents.models import AgentSession

    for number in range(DAYS):
        end = now.replace(hour=dice.randrange(9, 18)) - timedelta(days=number)
        calls = dice.randrange(25, 80)
        start = end - timedelta(seconds=calls * SECONDS_A_CALL)
        if end > now or dice.random() > (0.75 if end.weekday() < 5 else 0.1):
            continue
        row = AgentSession.objects.create(agent_id=agent.id, number=number + 1, ended_at=end)
        AgentSession.objects.filter(pk=row.pk).update(created_at=start)
        seconds = (end - start).total_seconds()
        seed = dice.getrandbits(64)
        yield Session(row.pk, row.number, agent, start, seconds, end, calls, seed)


def launch(portal: Portal, job: Job) -> str:
    folder = portal.stack.workspaces / job.folder
    return portal.client.launch(folder, job.prompt, name=job.name, model=job.model)


def take_agents(visitor: Visitor) -> None:
    page = visitor.open("/", viewport=VIEWPORT)
    for job in JOBS:
        row = page.locator(".agent-row").filter(has_text=job.name)
        expect(row).to_contain_text(job.shows, timeout=60_000)
    take(page, "agents")


def take_approval(visitor: Visitor, portal: Portal, agent_id: str) -> None:
    portal.client.post(f"/{agent_id}/send", text=ROUNDING)
    page = visitor.open(f"/agents/{agent_id}/", viewport=VIEWPORT, color_scheme="dark")
    expect(AgentPage(page).request("Edit")).to_be_visible(timeout=30_000)
    page.evaluate(SHOW_PATHS, [str(portal.stack.folder), "/srv"])
    take(page, "approval")


def take_costs(visitor: Visitor) -> None:
    to_the_charts_end = VIEWPORT | {"height": 900}
    page = visitor.open("/metrics/?by=user", viewport=to_the_charts_end)
    expect(page.locator("#chart-spending canvas")).to_be_visible()
    take(page, "costs")


def take(page: Page, name: str) -> None:
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=PICTURES / f"{name}.png")


def photograph(portal: Portal, calls: int) -> None:
    """Launch the agents and take the pictures, once so many calls of the past are stored."""
    for name, files in WORKSPACES.items():
        portal.stack.workspace(name, files)
    ids = [launch(portal, job) for job in JOBS]
    stored = "select count(*) from metrics_app_usagerecord"
    wait_for(lambda: portal.stack.query(stored)[0][0] > calls, seconds=120)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=BROWSER_ARGUMENTS
        )
        visitor = Visitor(chromium, portal.stack, Console())
        take_agents(visitor)
        take_approval(visitor, portal, ids[-1])
        take_costs(visitor)


def main() -> None:
    with scripted_model() as url:
        os.environ |= {"CAM_UPSTREAM_URL": url, "ANTHROPIC_API_KEY": "unused"}
        with bench_portal() as portal:
            photograph(portal, make_past(portal))


if __name__ == "__main__":
    main()
