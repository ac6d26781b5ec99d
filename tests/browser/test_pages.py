"""The pages around the agents: list, launch, account, administration; narrow, dark, by keyboard."""

import re
from collections import Counter
from functools import partial

import httpx
import pytest
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import expect

from tests.browser.visitor import NOT_FOUND, PHONE, AgentPage, log_in
from tests.e2e.stack import PASSWORD, wait_for

# The code of a socket's end when its server restarts.
RESTARTS = 1012
BLOCKED = r"Content Security Policy"
PAGES = (
    *(
        "/",
        "/agents/new/",
        "/metrics/",
        "/metrics/budgets/",
        "/account/",
        "/accounts/password/change/",
    ),
    *("/accounts/email/", "/accounts/2fa/", "/accounts/logout/"),
)
ENTRANCES = ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/")


@pytest.fixture
def make_user(stack):
    def make(username, *, method="create_user"):
        stack.manage(
            "shell",
            "-c",
            "from django.contrib.auth.models import User;"
            f"User.objects.{method}('{username}', '', '{PASSWORD}')",
        )
        return username

    return make


def test_new_user_sees_where_to_begin_and_the_list_grows_without_reload(
    stack, visitor, make_user, alice_client
):
    newcomer = visitor.open("/", username=make_user("newcomer"))
    alice = visitor.open("/")
    for page in (newcomer, alice):
        page.evaluate("window.isTheSamePage = true")
    expect(newcomer.get_by_text("No agents yet.")).to_be_visible()

    agent_id = alice_client.launch(stack.workspace("listed"), "edit hello.txt")
    row = alice.get_by_role("listitem").filter(has_text="listed")
    expect(row).to_contain_text("needs you", timeout=30_000)
    expect(row).to_contain_text("1 to answer")
    alice_client.post(f"/{agent_id}/interrupt")
    alice_client.post(f"/{agent_id}/stop")
    expect(row).to_contain_text("stopped", timeout=30_000)
    expect(row).not_to_contain_text("to answer")
    assert alice.evaluate("window.isTheSamePage")
    expect(newcomer.get_by_text("No agents yet.")).to_be_visible()


def test_strangers_agent_is_not_found_in_the_sites_look(stack, visitor, launch, console):
    agent = launch()
    expect(agent.prompt).to_be_visible()
    console.expect(NOT_FOUND)
    page = visitor.open(f"/agents/{agent.id}/", username="bob")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text(agent.folder.name)


def test_without_login_every_page_asks_for_one(visitor):
    page = visitor.open("/metrics/", username=None)
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next=/metrics/"))


def test_token_is_shown_once_works_and_is_revoked(stack, visitor):
    page = visitor.open("/account/")
    page.get_by_label("What is it for?").fill("a nightly script")
    page.get_by_role("button", name="Make a token").click()
    secret = page.get_by_text(re.compile(r"^cam_\S{20,}$")).inner_text()
    headers = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(f"{stack.url}/api/agents", headers=headers).status_code == 200

    page.goto("/account/")
    expect(page.get_by_text("a nightly script")).to_be_visible()
    assert secret not in page.content()
    page.get_by_role("button", name="Revoke a nightly script").click()
    expect(page.get_by_text("The token “a nightly script” no longer works.")).to_be_visible()
    assert httpx.get(f"{stack.url}/api/agents", headers=headers).status_code == 401


def test_password_is_changed_and_logout_ends_the_session(visitor, make_user):
    page = visitor.open("/", username=None)
    log_in(page, make_user("dora"))
    page.goto("/accounts/password/change/")
    changed = "another battery horse 7"
    page.get_by_label("Current Password").fill(PASSWORD)
    page.get_by_label("New Password", exact=True).fill(changed)
    page.get_by_label("New Password (again)").fill(changed)
    page.get_by_role("button", name="Change Password").click()
    expect(page.get_by_text("Password successfully changed.")).to_be_visible()

    page.get_by_role("button", name="Log out").click()
    page.goto("/")
    expect(page).to_have_url(re.compile("/accounts/login/"))
    page.get_by_label("Login").fill("dora")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_text("are not correct")).to_be_visible()
    log_in(page, "dora", changed)


def test_administration_opens_for_staff_only(visitor, make_user):
    page = visitor.open("/admin/", username=make_user("root", method="create_superuser"))
    expect(page.get_by_role("heading", name="Site administration")).to_be_visible()
    for model in admin.site._registry:
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        response = page.goto(path)
        assert response.status == 200, path
        expect(page.locator("#changelist")).to_be_visible()
    page = visitor.open("/admin/")
    expect(page).to_have_url(re.compile("/admin/login/"))


def test_demo_says_so_on_every_page(visitor, launch):
    agent = launch()
    page = visitor.open("/")
    for path in (*PAGES, f"/agents/{agent.id}/", f"/agents/{agent.id}/delete/"):
        page.goto(path)
        expect(page.get_by_role("note")).to_contain_text("Demo")
    page = visitor.open("/", username=None)
    for path in ENTRANCES:
        page.goto(path)
        expect(page.get_by_role("note")).to_contain_text("Demo")


def test_page_tries_to_connect_again_every_few_seconds_however_long_the_portal_is_away(
    visitor, launch
):
    agent = launch()
    page = visitor.open("/")
    tried = Counter()

    def refuse(socket):
        tried[re.search(r"notices|agents", socket.url)[0]] += 1
        socket.close(code=RESTARTS)

    def have_tried(times):
        page.wait_for_timeout(50)  # Playwright tells of sockets meanwhile
        return min(tried["notices"], tried["agents"]) >= times

    page.route_web_socket("**/ws/**", refuse)
    page.clock.install()
    page.goto(f"/agents/{agent.id}/")
    for times in range(1, 12):
        wait_for(partial(have_tried, times), seconds=5)
        page.clock.run_for(5000)
    expect(page.get_by_text("Connection lost, trying again…")).to_be_visible()


def test_times_of_another_year_say_which(visitor, launch):
    page = launch().page
    launched = page.locator(".facts time")
    year = launched.get_attribute("datetime")[:4]
    expect(launched).not_to_contain_text(year)
    page.clock.set_fixed_time(f"{int(year) + 2}-03-01T12:00:00Z")
    page.reload()
    expect(launched).to_contain_text(year)


def test_workspace_of_root_is_mended_by_the_command_beside_the_status(stack, visitor):
    (stack.workspaces / "roots-own").mkdir()
    page = visitor.open(f"/agents/new/?path={stack.workspaces}/roots-own")
    page.get_by_label("What should it do?").fill("write one.md")
    page.get_by_role("button", name="Launch").click()
    agent = AgentPage(page)
    agent.expect_status("failed")
    command = f"chown -R 1000:1000 {stack.workspaces}/roots-own"
    expect(page.locator("#agent-status")).to_contain_text(command)
    expect(agent.button("Start")).to_be_visible()


def test_folder_outside_of_the_roots_is_refused_next_to_the_form(visitor):
    page = visitor.open("/agents/new/")
    page.get_by_label("What should it do?").fill("keep these words")
    page.locator("[name=workspace]").evaluate("field => field.value = '/etc'")
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_role("alert").first).to_contain_text("outside")
    expect(page).to_have_url(re.compile("/agents/new/"))
    expect(page.get_by_label("What should it do?")).to_have_value("keep these words")


def test_keyboard_alone_launches_and_allows(stack, visitor):
    folder = stack.workspace("by-keyboard")
    page = visitor.open("/")

    def tab_to(target):
        for _ in range(60):
            if target.evaluate("element => element === document.activeElement"):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {target}")

    tab_to(page.get_by_role("link", name="Launch an agent"))
    page.keyboard.press("Enter")
    tab_to(page.get_by_role("link", name="by-keyboard", exact=True))
    page.keyboard.press("Enter")
    expect(page.locator(".folder-path")).to_contain_text("by-keyboard")
    tab_to(page.get_by_label("What should it do?"))
    page.keyboard.type("edit hello.txt")
    tab_to(page.get_by_role("button", name="Launch"))
    page.keyboard.press("Enter")

    agent = AgentPage(page)
    allow = agent.request("Edit").get_by_role("button", name="Allow once", exact=True)
    expect(allow).to_be_visible(timeout=30_000)
    tab_to(allow)
    assert allow.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    agent.expect_said("allowed by alice")
    assert (folder / "hello.txt").read_text() != "hello world\n"

    tab_to(agent.prompt)
    page.keyboard.type("read hello.txt")
    page.keyboard.press("Enter")
    agent.expect_said("Done: Read succeeded")


def test_nothing_is_wider_than_a_phone(visitor, launch):
    agent = launch("markdown", name="a name much too long for the screen of a phone, " * 2)
    agent.expect_idle_after_turns(1)
    agent.say("edit hello.txt")
    expect(agent.request("Edit")).to_be_visible(timeout=20_000)
    paths = (*PAGES, f"/agents/{agent.id}/", f"/agents/{agent.id}/delete/")
    for username, group in (("alice", paths), (None, ENTRANCES)):
        page = visitor.open("/", username=username, viewport=PHONE)
        for path in group:
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_readers_scheme(visitor, scheme):
    page = visitor.open("/accounts/login/", username=None, color_scheme=scheme)
    ground, ink = (
        page.evaluate(f"getComputedStyle(document.documentElement).{name}")
        for name in ("backgroundColor", "color")
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ground, ink)]
    assert (brightness[0] > brightness[1]) == (scheme == "light")
    assert abs(brightness[0] - brightness[1]) > 400


def test_policy_runs_the_sites_scripts_and_no_others(visitor, console):
    page = visitor.open("/")
    assert page.evaluate("typeof htmx") == "object"
    console.expect(BLOCKED)
    page.evaluate(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        "document.head.append(s)"
    )
    assert page.evaluate("window.ran") is None
