"""The Config page: each of its forms works, refuses rubbish, and is one's own."""

import re
from hashlib import sha256

import pytest

from agents import site_settings
from agents.encryption import decrypt
from agents.models import (
    Dispatch,
    LaunchDefaults,
    NotificationChoice,
    OwnKey,
    PushSubscription,
    SiteSetting,
    Webhook,
)
from agents.services.config import MAX_DEVICES
from agents.services.own_keys import set_own_key
from cam_site import env
from tests.agents.receiver import Browser

KEY = "sk-ant-api03-" + "Ab_-" * 10
ENDPOINT = "https://push.example.org/send/abc"
POSTS = [
    "defaults/",
    "notifications/",
    "devices/",
    "devices/test/",
    "devices/1/remove/",
    "webhook/",
    "webhook/remove/",
    "webhook/test/",
    "key/",
    "key/remove/",
    "site/CAM_MODELS/",
    "site/CAM_MODELS/reset/",
]


@pytest.fixture(autouse=True)
def own_data(data_dir, settings):
    settings.CAM_ENCRYPTION_KEYS = ["one-" * 10]


@pytest.fixture
def as_alice(client, alice):
    client.force_login(alice)
    return client


@pytest.fixture
def as_staff(client, staff, monkeypatch):
    monkeypatch.setattr(site_settings, "store", site_settings.Store())
    client.force_login(staff)
    return client


def post(client, path, **data):
    return client.post(f"/config/{path}", data)


@pytest.mark.parametrize("path", POSTS)
def test_changes_reject_get(as_staff, path):
    assert as_staff.get(f"/config/{path}").status_code == 405


@pytest.mark.parametrize("path", ["", *POSTS])
def test_who_is_not_logged_in_is_sent_to_the_login(client, db, path):
    method = client.get if path == "" else client.post
    assert method(f"/config/{path}").url.startswith("/accounts/login/")


def test_both_addresses_are_one_page(as_alice):
    for path in ("/config/", "/account/"):
        assert "<h1>Config</h1>" in as_alice.get(path).text


# Launching


def test_launch_form_begins_with_the_users_defaults(as_alice, alice, settings):
    settings.CAM_MODELS = ["claude-a", "claude-b"]
    assert post(as_alice, "defaults/", model="claude-b", edit_mode="off").status_code == 302
    form = as_alice.get("/agents/new/").context["form"]
    assert (form["model"].value(), form["edit_mode"].value()) == ("claude-b", "off")


def test_model_that_is_no_longer_offered_is_the_sites_first(as_alice, alice, settings):
    settings.CAM_MODELS = ["claude-a"]
    LaunchDefaults.objects.create(user=alice, model="claude-gone")
    assert as_alice.get("/agents/new/").context["form"]["model"].value() == "claude-a"
    assert as_alice.get("/config/").context["defaults_form"]["model"].value() == ""


@pytest.mark.parametrize(
    "data", [{"model": "gpt"}, {"edit_mode": "turn"}, {"edit_mode": ""}, {"edit_mode": "x"}]
)
def test_bad_defaults_are_refused(as_alice, data):
    assert (
        post(as_alice, "defaults/", **{"model": "", "edit_mode": "ask"} | data).status_code == 422
    )
    assert not LaunchDefaults.objects.exists()


# Notifications


def chosen():
    return sorted(NotificationChoice.objects.values_list("user__username", "kind", "channel"))


def test_ticked_boxes_replace_what_was_chosen(as_alice, bob):
    NotificationChoice.objects.create(user=bob, kind="failed", channel="push")
    post(as_alice, "notifications/", **{"needs_you-push": "on", "failed-email": "on"})
    post(as_alice, "notifications/", **{"needs_you-push": "on", "invented-push": "on"})
    assert chosen() == [("alice", "needs_you", "push"), ("bob", "failed", "push")]
    assert as_alice.get("/config/").text.count(" checked") == 1


def test_browser_is_subscribed_once_and_listed(as_alice, alice):
    form = Browser().form(ENDPOINT)
    for _ in range(2):
        assert post(as_alice, "devices/", **form).status_code == 201
    device = PushSubscription.objects.get()
    assert (device.user, device.endpoint) == (alice, ENDPOINT)
    page = as_alice.get("/config/").text
    assert "Firefox on Linux" in page
    assert ENDPOINT not in page


def test_browser_that_another_used_is_now_ones_own(as_alice, alice, bob):
    PushSubscription.objects.create(
        user=bob, endpoint=ENDPOINT, endpoint_digest=sha256(ENDPOINT.encode()).hexdigest()
    )
    post(as_alice, "devices/", **Browser().form(ENDPOINT))
    assert PushSubscription.objects.get().user == alice


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://push.example.org/"},
        {"endpoint": "https://127.0.0.1/"},
        {"endpoint": "https://[::1]/"},
        {"endpoint": "https://169.254.169.254/"},
        {"endpoint": "javascript:alert(1)"},
        {"endpoint": ""},
        {"endpoint": "https://push.example.org/" + "x" * 1000},
        {"p256dh": ""},
        {"p256dh": "AAAA"},
        {"p256dh": "!"},
        {"p256dh": "é"},
        {"p256dh": "A" * 101},
        {"auth": "AAAA"},
        {"auth": ""},
        {"device": ""},
        {"device": "x" * 101},
    ],
)
def test_bad_subscription_is_refused(as_alice, change):
    response = post(as_alice, "devices/", **Browser().form(ENDPOINT) | change)
    assert response.status_code == 422
    assert response.json()["error"]
    assert not PushSubscription.objects.exists()


def test_listed_host_may_not_be_plain_http_for_pushes(as_alice, settings):
    settings.CAM_MAY_NOTIFY = env.reachable(["localhost"])
    response = post(as_alice, "devices/", **Browser().form("http://localhost/"))
    assert response.status_code == 422


def test_devices_are_bounded(as_alice, alice):
    for number in range(MAX_DEVICES):
        PushSubscription.objects.create(user=alice, endpoint_digest=str(number))
    assert post(as_alice, "devices/", **Browser().form(ENDPOINT)).status_code == 422


def test_device_is_removed_and_twice_is_404(as_alice, alice):
    device = PushSubscription.objects.create(user=alice, device="Phone")
    assert post(as_alice, f"devices/{device.pk}/remove/").status_code == 302
    assert post(as_alice, f"devices/{device.pk}/remove/").status_code == 404


def test_device_of_another_is_404_and_not_listed(as_alice, bob):
    device = PushSubscription.objects.create(user=bob, device="Bob's phone")
    assert post(as_alice, f"devices/{device.pk}/remove/").status_code == 404
    assert "Bob" not in as_alice.get("/config/").text


def test_test_push_goes_to_ones_own_devices(as_alice, alice, bob):
    for number, user in enumerate((alice, alice, bob)):
        PushSubscription.objects.create(user=user, endpoint_digest=str(number))
    post(as_alice, "devices/test/")
    assert [row.user for row in Dispatch.objects.all()] == [alice, alice]


# Webhook


def test_webhook_gets_a_secret_that_is_shown_once(as_alice):
    page = post(as_alice, "webhook/", url="https://hooks.example.org/cam").text
    (secret,) = re.findall(r"<code>([\w-]{40,})</code>", page)
    assert decrypt(Webhook.objects.get().encrypted_secret) == secret
    assert secret not in as_alice.get("/config/").text


def test_own_secret_is_kept_where_only_the_url_changes(as_alice):
    post(as_alice, "webhook/", url="https://hooks.example.org/a", secret="sixteen letters!")
    post(as_alice, "webhook/", url="https://hooks.example.org/b", secret="")
    webhook = Webhook.objects.get()
    assert webhook.url.endswith("/b")
    assert decrypt(webhook.encrypted_secret) == "sixteen letters!"
    assert "sixteen letters!" not in as_alice.get("/config/").text


@pytest.mark.parametrize(
    "data",
    [
        {"url": ""},
        {"url": "hooks.example.org"},
        {"url": "http://hooks.example.org/"},
        {"url": "https://10.0.0.1/"},
        {"url": "https://user:word@hooks.example.org/"},
        {"url": "https://hooks.example.org/" + "x" * 500},
        {"secret": "short"},
        {"secret": "x" * 201},
    ],
)
def test_bad_webhook_is_refused(as_alice, data):
    response = post(as_alice, "webhook/", **{"url": "https://hooks.example.org/"} | data)
    assert response.status_code == 422
    assert "errorlist" in response.text
    assert not Webhook.objects.exists()


def test_webhook_is_tested_and_removed(as_alice, alice, bob):
    for user in (alice, bob):
        Webhook.objects.create(user=user, url="https://hooks.example.org/")
    post(as_alice, "webhook/test/")
    assert Dispatch.objects.get().user == alice
    assert "on its way" in as_alice.get("/config/").text
    for _ in range(2):
        assert post(as_alice, "webhook/remove/").status_code == 302
    assert Webhook.objects.get().user == bob


def test_test_without_a_webhook_sends_nothing(as_alice):
    post(as_alice, "webhook/test/")
    assert not Dispatch.objects.exists()


# Own key


def test_key_is_never_shown_again_and_the_page_says_who_pays(as_alice):
    assert "the site pays" in as_alice.get("/config/").text
    post(as_alice, "key/", key=KEY)
    page = as_alice.get("/config/").text
    assert KEY not in page
    assert f"…{KEY[-4:]}" in page
    assert "your own key" in page
    for _ in range(2):
        assert post(as_alice, "key/remove/").status_code == 302
    assert not OwnKey.objects.exists()


@pytest.mark.parametrize(
    "key", ["", "hello", "sk-ant-api03-" + "A" * 40 + " x", "sk-ant-\x00" + "A" * 40]
)
def test_what_is_no_key_is_refused_and_not_repeated(as_alice, key):
    response = post(as_alice, "key/", key=key)
    assert response.status_code == 422
    assert "AAAA" not in response.text
    assert not OwnKey.objects.exists()


def test_key_of_another_is_not_shown(as_alice, bob):
    set_own_key(bob, KEY)
    assert KEY[-4:] not in as_alice.get("/config/").text


# The site


def test_staff_change_and_reset_and_see_who_it_was(as_staff, settings):
    settings.CAM_MAX_AGENTS_PER_USER = 7
    assert post(as_staff, "site/CAM_MAX_AGENTS_PER_USER/", value="3").status_code == 302
    page = as_staff.get("/config/").text
    assert 'value="3"' in page
    assert "from <code>7</code> to <code>3</code>" in page
    assert "Reset" in page
    post(as_staff, "site/CAM_MAX_AGENTS_PER_USER/reset/")
    assert not SiteSetting.objects.exists()


def test_bad_value_is_shown_with_what_is_wrong(as_staff):
    response = post(as_staff, "site/CAM_MAX_AGENTS_PER_USER/", value="<b>many")
    assert response.status_code == 422
    assert "expected a whole number" in response.text
    assert 'value="&lt;b&gt;many"' in response.text


def test_too_long_a_value_is_refused(as_staff):
    assert post(as_staff, "site/CAM_MODELS/", value="x," * 5000).status_code == 422


@pytest.mark.parametrize("path", ["site/CAM_MODELS/", "site/CAM_MODELS/reset/"])
def test_the_site_is_not_for_users(as_alice, path):
    assert post(as_alice, path, value="claude-mine").status_code == 404
    assert not SiteSetting.objects.exists()
    assert "CAM_MODELS" not in as_alice.get("/config/").text


@pytest.mark.parametrize("name", ["CAM_SECRET_KEY", "ANTHROPIC_API_KEY", "nothing"])
def test_other_settings_are_404(as_staff, name):
    assert post(as_staff, f"site/{name}/", value="x").status_code == 404
