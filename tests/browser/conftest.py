import shutil

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.visitor import BROWSER_ARGUMENTS, AgentPage, Console, Visitor

CONSOLE = pytest.StashKey[Console]()


@pytest.fixture(scope="package")
def browser():
    """Ends with this folder: while it runs, so does its event loop, which other tests must not see."""
    program = shutil.which("chromium") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def console(request):
    """What the pages of the test complain about: at its end nothing but what it expected."""
    console = request.node.stash[CONSOLE] = Console()
    yield console
    assert console.unexpected() == []
    assert console.missing() == []


@pytest.fixture
def visitor(browser, stack, console):
    visitor = Visitor(browser, stack, console)
    yield visitor
    visitor.close()


@pytest.fixture(autouse=True)
def _no_agents_left(alice_client):
    """The portal is shared, and bounds how many agents of a user run."""
    yield
    for agent in alice_client.get("")["agents"]:
        alice_client.http.delete(f"/api/agents/{agent['id']}")


@pytest.fixture
def launch(visitor, stack, alice_client, request):
    """Launch an agent of alice's by the API and open its page, which knows its `id` and `folder`."""

    def open_agent(prompt="", **fields):
        name = request.node.name.removeprefix("test_").translate(str.maketrans("[]/ ", "----"))
        folder = stack.workspace(name[:60])
        agent_id = alice_client.launch(folder, prompt, **fields)
        agent = AgentPage(visitor.open(f"/agents/{agent_id}/"))
        agent.id, agent.folder = agent_id, folder
        return agent

    return open_agent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    console = item.stash.get(CONSOLE, None)
    if report.failed and console is not None:
        report.sections.append(("Browser console", "\n".join(console.errors)))
    return report
