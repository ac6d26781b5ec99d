"""Every page, in both schemes, wide and on a phone: nothing that keeps a person out, by axe-core.

The list of pages is made from the URLs, so a new page is looked at without being named here; one
whose address has parameters is, if `parameters` knows their values.
"""

import itertools

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import NoReverseMatch, URLPattern, get_resolver, reverse
from playwright.sync_api import expect

from tests.browser.visitor import PHONE, AgentPage, log_in
from tests.e2e.stack import PASSWORD, Client, wait_for

WIDE = {"width": 1280, "height": 800}
# Not ours to mend: Django's administration, and the explorer of the API.
NOT_OURS = ("admin", "api")
ENTRANCES = ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nothing/")
TOLD = {"serious", "critical"}
# Only "moderate" for axe, and asked for all the same.
ASKED_FOR = {
    *("heading-order", "page-has-heading-one", "region", "landmark-one-main"),
    *("landmark-unique", "landmark-no-duplicate-banner", "empty-table-header"),
}
SEED = f"""
from decimal import Decimal
from django.contrib.auth.models import User
from metrics_app.models import Budget
user = User.objects.create_superuser("auditor", "", "{PASSWORD}")
budget = Budget.objects.create(scope="user", user=user, period="month", limit_usd=Decimal(1000))
print(budget.pk)
"""


@pytest.fixture(scope="module")
def auditor(stack):
    """A user who sees every page, with an agent that has said much and asks something."""
    budget_id = stack.manage("shell", "--verbosity=0", "-c", SEED).split()[-1]
    client = Client(stack, "auditor")
    client.agent_id = client.launch(stack.workspace("audited"), "markdown")
    client.wait_for_status(client.agent_id, "idle")
    wait_for(lambda: any(event["kind"] == "result" for event in client.history(client.agent_id)))
    client.post(f"/{client.agent_id}/send", text="edit hello.txt")
    client.approval(client.agent_id)
    turns = "select id from metrics_app_turncost order by id desc limit 1"
    client.parameters = {
        "agent_id": client.agent_id,
        "budget_id": budget_id,
        "turn_id": wait_for(lambda: stack.query(turns))[0][0],
    }
    yield client
    client.http.delete(f"/api/agents/{client.agent_id}")


def patterns(resolver, namespaces=()):
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            if pattern.name:
                yield ":".join((*namespaces, pattern.name)), set(pattern.pattern.converters)
        elif not {pattern.namespace, pattern.app_name} & set(NOT_OURS):
            yield from patterns(
                pattern, (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            )


def addresses(parameters):
    for name, wanted in patterns(get_resolver("cam_site.urls")):
        if wanted <= parameters.keys():
            try:
                yield reverse(name, kwargs={key: parameters[key] for key in wanted})
            except NoReverseMatch:
                continue


def html_pages(stack, cookies, parameters):
    """The addresses that answer a GET with a page of their own."""
    jar = {cookie["name"]: cookie["value"] for cookie in cookies}
    with httpx.Client(base_url=stack.url, cookies=jar) as http:
        for address in sorted(set(addresses(parameters))):
            if address == reverse("account_logout"):
                yield address
                continue
            with http.stream("GET", address) as response:
                kind = response.headers.get("content-type", "")
                if response.status_code == 200 and kind.startswith("text/html"):
                    yield address


def complaints(page):
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: "
        + " | ".join(node["html"][:160] for node in one["nodes"][:3])
        for one in found
        if one["impact"] in TOLD or one["id"] in ASKED_FOR
    ]


def complaints_about(page, addresses):
    """Each complaint once, with where it was heard first; too wide a page is one too."""
    heard = {}
    for address in addresses:
        page.goto(address)
        for text in complaints(page):
            heard.setdefault(text, address)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > page.viewport_size["width"]:
            heard[f"{address} is {width} pixels wide"] = address
    return [f"{address}: {text}" for text, address in heard.items()]


@pytest.fixture(params=itertools.product(("light", "dark"), (WIDE, PHONE)), ids=str)
def look(request):
    scheme, viewport = request.param
    return {"color_scheme": scheme, "viewport": viewport}


def test_pages_for_who_is_signed_in(stack, visitor, auditor, look):
    page = visitor.open("/", username="auditor", **look)
    parameters = auditor.parameters
    walked = list(html_pages(stack, page.context.cookies(), parameters))
    assert {"/", "/agents/new/", f"/agents/{auditor.agent_id}/security/"} <= set(walked)
    assert f"/metrics/budgets/{parameters['budget_id']}/" in walked
    assert complaints_about(page, walked) == []


def test_entrances(visitor, console, look):
    console.expect("status of 404")
    page = visitor.open("/accounts/login/", username=None, **look)
    assert complaints_about(page, ENTRANCES) == []


def test_palette_and_overlay(visitor, auditor, look):
    page = visitor.open(f"/agents/{auditor.agent_id}/", username="auditor", **look)
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Find anything")
    expect(palette.get_by_role("option").first).to_be_visible()
    assert complaints(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert complaints(page) == []


def test_axe_finds_what_it_is_there_for(visitor):
    page = visitor.open("/")
    page.evaluate("document.querySelector('h1').insertAdjacentHTML('afterend', '<input>')")
    assert [text.partition(" ")[0] for text in complaints(page)] == ["label"]


# What axe cannot see


def test_motion_stops_for_who_asks_for_it(visitor):
    page = visitor.open("/", reduced_motion="reduce")
    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter(one => {"
        "const style = getComputedStyle(one);"
        "return parseFloat(style.transitionDuration) > 0.01 || parseFloat(style.animationDuration) > 0.01;"
        "}).map(one => one.outerHTML.slice(0, 80))"
    )
    assert moving == []


def test_focus_is_seen_on_everything_that_takes_it(visitor, auditor):
    page = visitor.open(f"/agents/{auditor.agent_id}/", username="auditor")
    expect(page.get_by_role("region", name="Request: Edit")).to_be_visible()
    page.evaluate("scrollTo(0, 0); document.activeElement.blur()")
    seen = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        what, outline = page.evaluate(
            "(() => { const one = document.activeElement; const style = getComputedStyle(one);"
            "return [one.outerHTML.slice(0, 120), style.outlineStyle]; })()"
        )
        if what in seen or what.startswith("<body"):
            break
        seen.add(what)
        assert outline != "none", what
    assert len(seen) > 12


def test_forced_colours_keep_what_is_chosen_visible(visitor, auditor):
    page = visitor.open("/", username="auditor", forced_colors="active")
    page.keyboard.press("Control+k")
    page.keyboard.type("costs")
    option = page.get_by_role("dialog").get_by_role("option", selected=True)
    expect(option).to_be_visible()
    assert option.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"


def test_one_line_is_told_and_it_is_short(launch):
    agent = launch("edit hello.txt")
    announcer = agent.page.locator("#announcer")
    expect(announcer).to_have_text("needs you: Wants to change a file", timeout=30_000)
    agent.decide("Allow once")
    expect(announcer).to_contain_text("idle: Done: Edit succeeded.", timeout=30_000)
    assert agent.page.locator("[aria-live=polite]").count() == 0


# The login that ends


def test_ended_login_is_told_and_what_was_typed_survives_the_new_one(visitor, launch, console):
    agent = launch()
    agent.expect_status("idle")
    page = visitor.open(f"/agents/{agent.id}/", username=None)
    page.get_by_label("Login").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Log in").click()
    # With its scripts: the prompt can be seen before them.
    page.wait_for_url(f"**/agents/{agent.id}/")
    own = AgentPage(page)
    expect(own.prompt).to_be_visible()
    page.context.clear_cookies(name="sessionid")
    console.expect("status of 401", "Status Error Code 401")
    own.say("keep these words")
    notice = page.get_by_role("alert").filter(has_text="not logged in any more")
    expect(notice).to_be_visible()
    expect(own.prompt).to_have_value("keep these words")

    with page.context.expect_page() as opened:
        notice.get_by_role("link", name="Log in").click()
    log_in(opened.value, "alice")
    opened.value.close()
    page.bring_to_front()
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(notice).to_have_count(0)
    expect(own.prompt).to_have_value("keep these words")
    own.button("Send").click()
    own.expect_said("keep these words")


def test_launch_form_comes_back_with_its_words_after_the_login(stack, visitor):
    page = visitor.open(f"/agents/new/?path={stack.workspaces}")
    page.get_by_label("What should it do?").fill("keep these words")
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Launch").click()
    page.get_by_label("Login").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_label("What should it do?")).to_have_value("keep these words")
    page.goto("/agents/new/")
    expect(page.get_by_label("What should it do?")).to_have_value("")
