"""The dashboard of costs: drawn, filtered by its URL, live, in both schemes, and without scripts."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import PHONE
from tests.e2e.stack import PASSWORD

SPENDER = "spender"
SEED = f"""
import uuid
from datetime import timedelta
from decimal import Decimal
from django.contrib.auth.models import User
from django.utils import timezone
from agents.models import Agent
from metrics_app.models import UsageRecord
from metrics_app.rollups import RollupChange
owner = User.objects.create_user("{SPENDER}", "", "{PASSWORD}")
sums = RollupChange()
for name, folder in (("fixer", "/srv/code"), ("writer", "/srv/docs")):
    agent = Agent.objects.create(owner=owner, name=name, workspace=folder, model="m", node="-")
    session = agent.sessions.create(number=1, ended_at=timezone.now())
    for number in range(40):
        sums.add(UsageRecord.objects.create(
            attempt_id=uuid.uuid4(), user=owner, agent=agent, session=session,
            started_at=timezone.now() - timedelta(hours=6 * number), kind="messages",
            status=429 if number % 7 == 3 else 200, complete=True, streamed=True,
            model=["claude-opus-5-5", "made-up-by-an-agent-" + "x" * 150][number % 2],
            cost_usd=Decimal(number) / 8, input_tokens=100, cache_read_tokens=900,
            output_tokens=50, first_byte_ms=300.0, total_ms=4000.0,
        ))
sums.write()
"""
COLOURS = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const found = new Set();
    for (let i = 0; i < data.length; i += 4)
        if (data[i + 3] === 255) found.add(`${data[i]} ${data[i + 1]} ${data[i + 2]}`);
    return [...found].sort();
}"""


@pytest.fixture(scope="module")
def _calls(stack):
    stack.manage("shell", "-c", SEED)


@pytest.fixture
def open_dashboard(visitor, _calls):
    def open_page(query="", **options):
        page = visitor.open(f"/metrics/{query}", username=SPENDER, **options)
        if options.get("java_script_enabled", True):
            page.evaluate("window.isTheSamePage = true")
        return page

    return open_page


def canvas_of(page, chart="spending"):
    return page.locator(f"#chart-{chart} canvas")


def test_every_chart_is_drawn_from_its_table_without_a_complaint(open_dashboard):
    page = open_dashboard()
    for chart in ("spending", "cache-use", "failures", "latency"):
        assert len(canvas_of(page, chart).evaluate(COLOURS)) > 3, chart
        expect(page.locator(f"#chart-{chart} table")).to_be_hidden()
    table = page.locator("#chart-spending")
    table.get_by_text("Show as a table").click()
    expect(table.get_by_role("row")).to_have_count(31)
    assert page.locator("[style]:not(canvas)").count() == 0


def test_a_long_name_of_a_model_is_cut_in_the_legend(open_dashboard):
    names = open_dashboard().locator("#chart-spending .chart-legend button")
    expect(names.nth(0)).to_have_text(re.compile(r"^made-up-by-an-agent-x+…$"))
    assert len(names.nth(0).inner_text()) < 40


def test_the_legend_hides_a_series_by_keyboard(open_dashboard):
    page = open_dashboard()
    before = canvas_of(page).evaluate(COLOURS)
    button = page.locator("#chart-spending .chart-legend button").last
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "false")
    assert canvas_of(page).evaluate(COLOURS) != before


def test_a_filter_changes_the_page_in_place_and_its_url(open_dashboard):
    page = open_dashboard()
    drawn = canvas_of(page).element_handle()
    page.get_by_label("Workspace", exact=True).select_option("/srv/docs")
    expect(page.get_by_role("list", name="Filters")).to_contain_text("Workspace: /srv/docs")
    expect(page).to_have_url(re.compile(r"/metrics/\?workspace=%2Fsrv%2Fdocs$"))
    assert page.evaluate("canvas => canvas.isConnected", drawn)
    page.get_by_role("link", name="Token type").click()
    expect(page.locator("#chart-spending figcaption")).to_have_text("Tokens by type")
    expect(canvas_of(page)).to_have_attribute("aria-label", re.compile("^Tokens by type"))
    assert page.evaluate("window.isTheSamePage")

    page.reload()
    expect(page.locator("#chart-spending figcaption")).to_have_text("Tokens by type")
    expect(page.get_by_label("Workspace", exact=True)).to_have_value("/srv/docs")


def test_back_brings_back_filters_and_charts(open_dashboard):
    page = open_dashboard()
    page.get_by_role("link", name="7 days").click()
    expect(page).to_have_url(re.compile("range=7d"))
    page.get_by_label("Agent", exact=True).select_option("writer")
    expect(page.get_by_role("list", name="Filters")).to_contain_text("Agent: writer")
    page.go_back()
    expect(page).to_have_url(re.compile(r"\?range=7d$"))
    expect(page.get_by_label("Agent", exact=True)).to_have_value("")
    page.go_back()
    expect(page).to_have_url(re.compile("/metrics/$"))
    expect(page.get_by_role("link", name="30 days")).to_have_attribute("aria-current", "true")
    assert len(canvas_of(page).evaluate(COLOURS)) > 3


def test_a_chip_clears_its_filter_and_the_field_with_it(open_dashboard):
    page = open_dashboard("?from=2026-01-01&workspace=/srv/docs")
    page.get_by_role("link", name="Clear days").click()
    expect(page).to_have_url(re.compile(r"/metrics/\?workspace=%2Fsrv%2Fdocs$"))
    expect(page.get_by_label("From (UTC)")).to_have_value("")
    expect(page.get_by_label("Workspace", exact=True)).to_have_value("/srv/docs")


def test_a_wrong_value_is_told_next_to_its_field(open_dashboard):
    page = open_dashboard()
    page.get_by_label("From (UTC)").fill("1999-01-01")
    expect(page.locator(".field", has_text="From (UTC)").locator(".errorlist")).to_be_visible()
    expect(canvas_of(page)).to_be_visible()


def test_a_call_of_an_agent_shows_up_and_disturbs_nothing(stack, visitor, alice_client):
    page = visitor.open("/metrics/", viewport={"width": 900, "height": 300})
    today = page.locator(".card").filter(has=page.get_by_text("Today", exact=True))
    before = today.locator("p").last.inner_text()
    page.get_by_label("Agent", exact=True).focus()
    page.evaluate("window.isTheSamePage = true; scrollTo(0, 80)")
    agent_id = alice_client.launch(
        stack.workspace("dashboard"), "long 100 usage in=1200 read=5000 out=77"
    )
    alice_client.wait_for_status(agent_id, "idle")
    expect(today.locator("p").last).not_to_have_text(before, timeout=20_000)
    expect(page.locator("#updated")).to_have_text(re.compile(r"updated \d\d:\d\d:\d\d UTC"))
    focused, scroll, same = page.evaluate(
        "[document.activeElement.id, scrollY, window.isTheSamePage]"
    )
    assert (focused, scroll, same) == ("id_agent", 80, True)


def test_news_are_drawn_into_the_same_chart(open_dashboard):
    page = open_dashboard()
    drawn = canvas_of(page).element_handle()
    table = page.locator("#chart-spending .chart-table")
    table.get_by_text("Show as a table").click()
    page.locator("#updated").evaluate(
        "look => look.setAttribute('hx-vals', '{\"version\": \"old\"}')"
    )
    with page.expect_response(re.compile("version=old")) as asked:
        page.evaluate("htmx.trigger('#updated', 'look')")
    assert asked.value.status == 200
    expect(table.get_by_role("row")).to_have_count(31)
    assert page.evaluate("canvas => canvas.isConnected", drawn)


def test_a_page_that_nobody_sees_does_not_ask(open_dashboard):
    page = open_dashboard()
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => window.isHidden, configurable: true});"
        "window.isHidden = true"
    )
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("htmx.trigger('#updated', 'look')")
    assert asked == []
    with page.expect_response(re.compile("version=")):
        page.evaluate(
            "window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))"
        )


def test_charts_follow_the_scheme(open_dashboard):
    page = open_dashboard(color_scheme="light")
    light = canvas_of(page).evaluate(COLOURS)
    page.emulate_media(color_scheme="dark")
    dark = wait_for_other_colours(page, light)
    assert not set(light) & set(dark)
    page.emulate_media(color_scheme="light")
    assert wait_for_other_colours(page, dark) == light


def wait_for_other_colours(page, before):
    """A page hears of another scheme one or two frames later."""
    page.wait_for_function(
        f"([canvas, before]) => String(({COLOURS})(canvas)) !== String(before)",
        arg=[canvas_of(page).element_handle(), before],
    )
    return canvas_of(page).evaluate(COLOURS)


def test_it_works_without_scripts(open_dashboard):
    page = open_dashboard(java_script_enabled=False)
    expect(page.locator("#chart-spending table")).to_be_visible()
    page.get_by_label("Workspace", exact=True).select_option("/srv/docs")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("list", name="Filters")).to_contain_text("Workspace: /srv/docs")
    page.get_by_role("link", name="Clear workspace").click()
    expect(page.get_by_label("Workspace", exact=True)).to_have_value("")


def test_nothing_is_wider_than_a_phone(open_dashboard):
    page = open_dashboard("?range=7d&unit=hour", viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.locator("#chart-spending").get_by_text("Show as a table").click()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
