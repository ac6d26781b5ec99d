"""Folders and files in the real page."""

import os
import re

from playwright.sync_api import expect

from tests.browser.visitor import PHONE


def test_from_the_roots_to_a_line_of_a_file_and_to_an_agent(stack, visitor):
    folder = stack.workspace("browsed")
    (folder / "cart.py").write_text("def total():\n    return sum(prices)\n" * 40)
    page = visitor.open("/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Workspaces").click()
    page.goto(f"/workspaces/?path={folder}")
    page.get_by_role("link", name="cart.py").click()
    expect(page.locator("#L60 .line-text")).to_have_text("    return sum(prices)")
    page.locator("#L60 .line-number a").click()
    expect(page.locator("#L60")).to_have_class(re.compile("linked"))
    page.locator("#L62 .line-number a").click(modifiers=["Shift"])
    expect(page).to_have_url(re.compile("#L60-L62$"))
    expect(page.locator(".file-text .linked")).to_have_count(3)
    page.get_by_role("link", name=str(folder)).click()
    page.get_by_role("link", name="Launch an agent here").click()
    expect(page.locator("input[name=workspace]")).to_have_value(str(folder))


def test_download_gives_the_file(stack, visitor):
    folder = stack.workspace("downloaded")
    (folder / "data.bin").write_bytes(os.urandom(600_000))
    page = visitor.open(f"/workspaces/file/?path={folder}/data.bin")
    expect(page.get_by_text("This is no text")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download", exact=True).click()
    assert download.value.suggested_filename == "data.bin"
    assert download.value.path().read_bytes() == (folder / "data.bin").read_bytes()


def test_folders_and_files_fit_a_phone(stack, visitor):
    folder = stack.workspace("phone-files")
    (folder / f"{'long' * 30}.py").write_text(f"x = '{'y' * 300}'\n")
    for address in ("?path=", f"file/?path={folder}/{'long' * 30}.py"):
        target = f"/workspaces/{address}{folder if address.endswith('=') else ''}"
        page = visitor.open(target, viewport=PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
