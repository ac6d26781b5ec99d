"""Git in the real page: what was changed is committed or discarded, an agent's own branch merged."""

import itertools
import subprocess

import pytest
from playwright.sync_api import expect

from tests.browser.test_access import complaints, look  # noqa: F401 (a fixture)
from tests.browser.visitor import REFUSED, AgentPage
from tests.e2e.stack import AGENT_UID

NUMBERS = itertools.count()
FILES = {"hello.txt": "hello world\n", "cart.py": "def total():\n    return 1\n"}


@pytest.fixture
def repository(stack):
    folder = stack.workspace(f"repository-{next(NUMBERS)}", FILES)
    config = ("-c", "user.name=Al", "-c", "user.email=al@example.com", "-c", "safe.directory=*")
    for arguments in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-qm", "Begin")):
        subprocess.run(["git", *config, *arguments], cwd=folder, check=True)
    subprocess.run(["chown", "-R", f"{AGENT_UID}:{AGENT_UID}", folder], check=True)
    return folder


def test_changes_are_seen_committed_and_discarded(visitor, repository, console):
    (repository / "hello.txt").write_text("hello you\n")
    (repository / "cart.py").write_text("def total():\n    return 2\n")
    page = visitor.open(f"/workspaces/?path={repository}")
    page.get_by_role("link", name="Git", exact=True).click()
    expect(page.locator(".line-add .line-text").first).to_have_text("    return 2", timeout=30_000)
    page.get_by_role("checkbox", name="hello.txt").uncheck()
    page.get_by_role("button", name="Commit the chosen files").click()
    console.expect(REFUSED)
    expect(page.get_by_role("alert")).to_contain_text("Say what the commit does.")
    page.get_by_label("Commit message").fill("Return two")
    page.get_by_role("button", name="Commit the chosen files").click()
    expect(page.get_by_text("Done: commit.")).to_be_visible(timeout=30_000)
    expect(page.locator(".git-commits li").first).to_contain_text("Return two")
    expect(page.get_by_role("checkbox", name="cart.py")).to_have_count(0)
    page.get_by_text("Discard changes …").click()
    page.get_by_role("button", name="Discard the chosen changes").click()
    expect(page.get_by_text("every change is committed")).to_be_visible(timeout=30_000)
    assert (repository / "hello.txt").read_text() == "hello world\n"


def test_agent_works_on_a_branch_that_is_merged(visitor, repository, console):
    page = visitor.open(f"/agents/new/?path={repository}")
    page.get_by_label("What should it do?").fill("edit hello.txt")
    page.get_by_label("On a branch of its own").check()
    page.get_by_role("button", name="Launch").click()
    agent = AgentPage(page)
    agent.decide("Allow once")
    agent.expect_idle_after_turns(1)
    assert (repository / "hello.txt").read_text() == "hello world\n"
    agent.say("bash safe")
    agent.expect_said("On branch cam/")

    page.get_by_role("link", name="Git", exact=True).click()
    page.get_by_label("Commit message").fill("Say so", timeout=30_000)
    page.get_by_role("button", name="Commit the chosen files").click()
    page.get_by_role("button", name="Merge into the repository's branch").click(timeout=30_000)
    expect(page.get_by_text("Done: merge a branch.")).to_be_visible(timeout=30_000)
    assert "edited by the demo" in (repository / "hello.txt").read_text()

    console.expect(REFUSED)
    page.get_by_text("Discard the branch …").click()
    page.get_by_role("button", name="Discard the branch").click()
    expect(page.locator("#git-error")).to_contain_text("Stop it first")


def test_pages_keep_nobody_out(visitor, repository, look):  # noqa: F811
    (repository / "hello.txt").write_text("hello you\n")
    (repository / f"{'long' * 30}.py").write_text("x = 1\n")
    page = visitor.open(f"/workspaces/?path={repository}", **look)
    assert complaints(page) == []
    page.goto(f"/workspaces/git/?path={repository}")
    expect(page.get_by_label("Commit message")).to_be_visible(timeout=30_000)
    assert complaints(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
