"""What people see of their agents while they look elsewhere: title, bell, list, and the system's notifications."""

import re

from playwright.sync_api import expect

from tests.agents.receiver import Browser
from tests.browser.visitor import PHONE, REFUSED

CLOSE_SHOWN = """navigator.serviceWorker.getRegistration("/sw.js")
    .then(worker => worker.getNotifications()).then(all => all.forEach(one => one.close()))"""
SHOWN = "navigator.serviceWorker.ready.then(r => r.getNotifications()).then(all => all.map(n => [n.title, n.body, n.tag]))"
HIDE = """
Object.defineProperty(document, "hidden", { get: () => window.isAway === true });
"""


SUBSCRIPTION = Browser().form("https://push.example.org/send/1")
PUSH_SERVICE = f"""
PushManager.prototype.subscribe = async () => ({{
  toJSON: () => ({{
    endpoint: "{SUBSCRIPTION["endpoint"]}",
    keys: {{ p256dh: "{SUBSCRIPTION["p256dh"]}", auth: "{SUBSCRIPTION["auth"]}" }},
  }}),
  unsubscribe: async () => {{ window.isTakenBack = true; }},
}});
"""


def choose(page, *kinds):
    """Tick what open pages show."""
    page.goto("/config/")
    for box in page.get_by_role("checkbox").all():
        box.uncheck()
    for kind in kinds:
        page.get_by_role("checkbox", name=f"An agent {kind}: Open page").check()
    page.get_by_role("region", name="Notifications").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved: you are told what is ticked.")).to_be_visible()


def test_every_page_counts_the_agents_that_need_somebody(visitor, launch):
    page = visitor.open("/config/")
    agent = launch("edit hello.txt")
    expect(page).to_have_title("(1) Config · CAM", timeout=30_000)
    expect(page.locator("#needing-count")).to_have_text("1")
    expect(page.locator("#unread-count")).to_be_visible()
    agent.decide("Deny")
    expect(page).to_have_title("Config · CAM", timeout=30_000)
    expect(page.locator("#needing-count")).to_be_hidden()


def test_list_leads_to_the_agent_and_is_read(visitor, launch):
    agent = launch("hello")
    agent.expect_idle_after_turns(1)
    page = visitor.open("/notifications/")
    row = page.get_by_role("listitem").filter(has_text=agent.folder.name).first
    expect(row).to_contain_text("Unread:")
    expect(row).to_contain_text("has finished its turn")
    row.get_by_role("link").click()
    expect(page).to_have_url(re.compile(agent.id))
    page.get_by_role("link", name="Notifications").click()
    expect(row).not_to_contain_text("Unread:")
    if page.get_by_role("button", name="Mark all read").count():
        page.get_by_role("button", name="Mark all read").click()
    expect(page.get_by_text("Unread:")).to_have_count(0)


def test_hidden_tabs_show_one_notification_and_a_visible_one_none(visitor, launch):
    page = visitor.open("/", permissions=["notifications"])
    choose(page, "needs you")
    page.context.add_init_script(HIDE)
    other = page.context.new_page()
    for one in (page, other):
        one.goto("/notifications/")
        one.evaluate("window.isAway = true")
    agent = launch("edit hello.txt")
    title = f"{agent.folder.name} needs you"
    expected = [[title, "It asks to use Edit.", f"agent-{agent.id}"]]
    page.wait_for_function(
        f"expected => {SHOWN}.then(all => JSON.stringify(all) === JSON.stringify(expected))",
        arg=expected,
        timeout=30_000,
    )
    agent.decide("Deny")
    agent.expect_idle_after_turns(1)

    page.evaluate(CLOSE_SHOWN)
    other.evaluate("window.isAway = false")
    second = launch_again(agent)
    expect(other.locator("#needing-count")).to_have_text("1", timeout=30_000)
    other.wait_for_timeout(1500)
    assert page.evaluate(SHOWN) == []
    second.decide("Deny")
    choose(page)


def launch_again(agent):
    agent.say("edit hello.txt")
    agent.expect_status("needs you")
    return agent


def worker_of(page, send):
    """The id of the page's service worker registration, as the developer tools know it."""
    found = []
    send.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.extend(event["registrations"]),
    )
    send.send("ServiceWorker.enable")
    page.evaluate("navigator.serviceWorker.register('/sw.js')")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_timeout(300)
    return found[-1]["registrationId"]


def push(page, data):
    tools = page.context.new_cdp_session(page)
    tools.send(
        "ServiceWorker.deliverPushMessage",
        {
            "origin": page.evaluate("location.origin"),
            "registrationId": worker_of(page, tools),
            "data": data,
        },
    )


def test_push_is_shown_and_a_click_opens_what_it_is_about(visitor):
    page = visitor.open("/", permissions=["notifications"])
    push(page, '{"title": "Shop needs you", "tag": "agent-1", "url": "/notifications/"}')
    page.wait_for_function(f"{SHOWN}.then(all => all.length > 0)")
    assert page.evaluate(SHOWN) == [["Shop needs you", "", "agent-1"]]
    worker = page.context.service_workers[0]
    opened = worker.evaluate(
        """async () => {
          const [notification] = await self.registration.getNotifications();
          const opened = [];
          self.clients.openWindow = async (url) => { opened.push(url); };
          const event = new NotificationEvent("notificationclick", { notification });
          self.dispatchEvent(event);
          return [opened, (await self.registration.getNotifications()).length];
        }"""
    )
    assert opened == [[page.evaluate("location.origin") + "/notifications/"], 0]


def test_push_of_rubbish_is_shown_as_something(visitor):
    page = visitor.open("/", permissions=["notifications"])
    push(page, "not json")
    page.wait_for_function(f"{SHOWN}.then(all => all.length > 0)")
    assert page.evaluate(SHOWN) == [["CAM", "", "cam"]]


def test_click_on_a_foreign_address_opens_nothing(visitor):
    page = visitor.open("/", permissions=["notifications"])
    push(page, '{"title": "x", "url": "https://evil.example/"}')
    page.wait_for_function(f"{SHOWN}.then(all => all.length > 0)")
    opened = page.context.service_workers[0].evaluate(
        """async () => {
          const [notification] = await self.registration.getNotifications();
          const opened = [];
          self.clients.openWindow = async (url) => { opened.push(url); };
          self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
          return opened;
        }"""
    )
    assert opened == []


ASKED_LATER = """
Object.defineProperty(Notification, "permission", { get: () => window.permission ?? "default" });
Notification.requestPermission = async () => { window.permission = "granted"; };
"""


def test_permission_is_asked_by_a_button_only(visitor):
    page = visitor.open("/")
    page.add_init_script(ASKED_LATER)
    page.goto("/config/")
    expect(page.get_by_text("This browser was not asked yet.")).to_be_visible()
    assert page.evaluate("window.permission") is None
    page.get_by_role("button", name="Allow notifications").click()
    expect(page.get_by_text("Notifications are allowed here.")).to_be_visible()
    expect(page.get_by_role("button", name="Send pushes to this browser")).to_be_visible()


def test_subscribing_gives_the_portal_what_the_push_service_gave(visitor):
    page = visitor.open("/", permissions=["notifications"])
    page.add_init_script(PUSH_SERVICE)
    page.goto("/config/")
    page.get_by_role("button", name="Send pushes to this browser").click()
    device = page.get_by_role("listitem").filter(has_text="Chrome on Linux")
    expect(device).to_be_visible()
    page.get_by_role("button", name="Remove Chrome on Linux").click()
    expect(page.get_by_text("Chrome on Linux gets no more pushes.")).to_be_visible()


def test_subscription_that_the_portal_refuses_is_taken_back(visitor, console):
    console.expect(REFUSED)
    page = visitor.open("/", permissions=["notifications"])
    page.add_init_script(PUSH_SERVICE.replace("https://push.example.org", "https://127.0.0.1"))
    page.goto("/config/")
    page.get_by_role("button", name="Send pushes to this browser").click()
    expect(page.locator("#browser-error")).to_contain_text("private")
    assert page.evaluate("window.isTakenBack")


def test_phone_shows_bell_and_list(visitor):
    page = visitor.open("/notifications/", viewport=PHONE)
    expect(page.get_by_role("link", name="Notifications")).to_be_visible()
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide == 0
