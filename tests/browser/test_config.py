"""The Config page as people use it: by keyboard and on a phone as well."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import PHONE, REFUSED
from tests.e2e.stack import PASSWORD

KEY = "sk-ant-api03-" + "Ab_-" * 10


@pytest.fixture(scope="module")
def chief(stack):
    """Somebody on the staff."""
    stack.manage(
        "shell",
        "-c",
        "from django.contrib.auth.models import User;"
        f"User.objects.create_user('chief', '', '{PASSWORD}', is_staff=True)",
    )
    return "chief"


def test_launch_begins_with_what_was_chosen(visitor):
    page = visitor.open("/config/")
    section = page.get_by_role("region", name="Launching")
    section.get_by_label("File edits").select_option("off")
    section.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved: your next launch begins with this.")).to_be_visible()
    page.goto("/agents/new/")
    expect(page.get_by_label("File edits")).to_have_value("off")
    page.goto("/config/")
    section.get_by_label("File edits").select_option("ask")
    section.get_by_role("button", name="Save").click()


def test_key_is_set_and_removed_and_never_shown(visitor, console):
    console.expect(REFUSED)
    page = visitor.open("/config/", username="bob")
    section = page.get_by_role("region", name="Anthropic API key")
    expect(section).to_contain_text("the site pays")
    section.get_by_label("Anthropic API key").fill("sk-wrong")
    section.get_by_role("button", name="Use this key").click()
    expect(section).to_contain_text("This is no key of the Anthropic API")
    section.get_by_label("Anthropic API key").fill(KEY)
    section.get_by_role("button", name="Use this key").click()
    expect(section).to_contain_text(f"your own key …{KEY[-4:]}")
    assert KEY not in page.content()
    section.get_by_role("button", name="Remove the key").click()
    expect(section).to_contain_text("the site pays")


def test_staff_change_the_models_of_everyone_and_reset_them(visitor, chief):
    page = visitor.open("/config/", username=chief)
    site = page.get_by_role("region", name="The site")
    field = site.get_by_label(re.compile("Models offered CAM_MODELS"))
    field.fill("claude-opus-5-5,claude-house-1")
    site.get_by_role("button", name="Save Models offered").click()
    expect(page.get_by_text("CAM_MODELS is in force.")).to_be_visible()
    expect(site).to_contain_text("chief")
    launch = visitor.open("/agents/new/")
    expect(launch.get_by_label("Model").locator("option")).to_have_text(
        ["claude-opus-5-5", "claude-house-1"]
    )
    site.get_by_role("button", name="Reset Models offered").click()
    expect(site.get_by_role("button", name="Reset Models offered")).to_have_count(0)


def test_phone_shows_all_of_it_without_sideways_scrolling(visitor):
    page = visitor.open("/config/", viewport=PHONE)
    expect(page.get_by_role("heading", name="Config")).to_be_visible()
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide == 0
