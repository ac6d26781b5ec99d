"""Push, webhook and mail against a server that really receives them."""

import json
import logging
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from py_vapid import Vapid02

from agents import delivery, tasks, web_push
from agents.delivery import deliver, sign
from agents.encryption import encrypt
from agents.models import Agent, Dispatch, Notification, PushSubscription, Webhook
from agents.models.notification import MAX_ATTEMPTS
from tests.agents.receiver import Browser, token_of

SECRET = "a secret of sixteen"


@pytest.fixture
def told(agent, alice):
    return Notification.objects.create(
        user=alice, agent=agent, kind="needs_you", occasion="1", text="It asks to use Edit."
    )


@pytest.fixture
def browser():
    return Browser()


@pytest.fixture
def device(alice, receiver, browser, data_dir):
    return PushSubscription.objects.create(user=alice, **browser.form(receiver.url))


@pytest.fixture
def webhook(alice, receiver, data_dir):
    return Webhook.objects.create(user=alice, url=receiver.url, encrypted_secret=encrypt(SECRET))


@pytest.fixture
def send(alice, told):
    """Deliver the notification, or a test, by the channel; returns the row as it then is."""

    def now(channel, *, subscription=None, notification=told):
        row = Dispatch.objects.create(
            user=alice,
            channel=channel,
            notification=notification,
            subscription=subscription,
            due_at=timezone.now(),
        )
        deliver(row.pk, timezone.now())
        return Dispatch.objects.filter(pk=row.pk).first()

    return now


def test_push_is_read_by_its_browser_only_and_says_name_and_kind(
    send, device, receiver, browser, told
):
    row = send("push", subscription=device)
    _, headers, body = receiver.seen[0]
    assert browser.read(body) == {
        "title": "Fix the cart needs you",
        "tag": f"agent-{told.agent_id}",
        "url": f"/notifications/{told.pk}/",
    }
    assert b"cart" not in body
    assert (headers["Content-Encoding"], headers["TTL"]) == ("aes128gcm", "14400")
    assert row.sent_at
    device.refresh_from_db()
    assert device.last_sent_at


def test_push_is_signed_by_the_sites_key(send, device, receiver):
    send("push", subscription=device)
    headers = receiver.seen[0][1]
    claims, key = token_of(headers)
    assert key == web_push.public_key()
    assert claims["aud"] == receiver.url.removesuffix("/in")
    assert claims["sub"] == "mailto:cam@localhost"
    assert Vapid02.verify(headers["Authorization"])


def test_site_key_of_the_setting_is_used(settings, data_dir):
    made = web_push.public_key()
    settings.CAM_VAPID_PRIVATE_KEY = (data_dir / "vapid.key").read_text()
    (data_dir / "vapid.key").unlink()
    assert web_push.public_key() == made
    assert not (data_dir / "vapid.key").exists()


@pytest.mark.parametrize("status", [404, 410])
def test_subscription_that_is_gone_is_removed(send, device, receiver, status):
    receiver.answer(status)
    assert send("push", subscription=device) is None
    assert not PushSubscription.objects.exists()


@pytest.mark.parametrize("status", [302, 400, 429, 500])
def test_other_answers_are_tried_again_later(send, device, receiver, status):
    receiver.answer(status, location="https://127.0.0.1/")
    row = send("push", subscription=device)
    assert (row.sent_at, row.attempts, row.answer) == (None, 1, f"answered {status}")
    assert timezone.now() < row.due_at < timezone.now() + timedelta(seconds=16)
    assert PushSubscription.objects.exists()


def test_waits_grow(send, webhook, receiver):
    receiver.answer(500)
    row = send("webhook")
    pauses = [row.pause.total_seconds()]
    for _ in range(MAX_ATTEMPTS - 1):
        Dispatch.objects.update(due_at=timezone.now())
        deliver(row.pk, timezone.now())
        row.refresh_from_db()
        pauses.append(row.pause.total_seconds())
    assert pauses[:4] == [15, 60, 240, 960]
    assert row.is_given_up
    deliver(row.pk, timezone.now() + timedelta(days=1))
    assert len(receiver.seen) == MAX_ATTEMPTS


def test_webhook_is_signed_json_of_name_and_kind(send, webhook, receiver, told):
    row = send("webhook")
    _, headers, body = receiver.seen[0]
    assert headers["X-CAM-Signature"] == f"sha256={sign(SECRET, headers['X-CAM-Timestamp'], body)}"
    assert sign(SECRET, "0", body) != sign(SECRET, headers["X-CAM-Timestamp"], body)
    payload = json.loads(body)
    assert (payload["kind"], payload["title"]) == ("needs_you", "Fix the cart needs you")
    assert payload["agent"]["url"] == f"http://localhost:8420/agents/{told.agent_id}/"
    assert "Edit" not in body.decode()
    assert (row.answer, bool(row.sent_at)) == ("answered 201", True)


def test_test_of_a_webhook_says_so(send, webhook, receiver):
    send("webhook", notification=None)
    assert json.loads(receiver.seen[0][2])["kind"] == "test"


def test_refused_address_is_given_up_at_once(send, webhook, settings):
    webhook.url = "https://localhost/"
    webhook.save()
    settings.CAM_MAY_NOTIFY = lambda host, address: False
    row = send("webhook")
    assert row.is_given_up
    assert "private address" in row.answer


def test_removed_webhook_is_given_up(send):
    assert send("webhook").answer == "The webhook was removed."


def test_unreadable_secret_is_given_up_and_nothing_is_sent(send, webhook, receiver, settings):
    settings.CAM_ENCRYPTION_KEYS = ["another-" * 5]
    assert send("webhook").is_given_up
    assert receiver.seen == []


def test_secrets_are_in_no_log(send, webhook, device, receiver, caplog):
    caplog.set_level(logging.DEBUG)
    receiver.answer(500)
    send("webhook")
    send("push", subscription=device)
    assert SECRET not in caplog.text
    assert device.auth not in caplog.text


def test_mail_has_a_link_and_nothing_of_what_was_said(send, told):
    Agent.objects.update(name="Two\r\nlines")
    row = send("email")
    assert mail.outbox[0].subject == "Two lines needs you"
    assert f"http://localhost:8420/notifications/{told.pk}/" in mail.outbox[0].body
    assert row.sent_at


def test_one_of_two_workers_sends(send, webhook, receiver):
    row = send("webhook")
    deliver(row.pk, timezone.now())
    assert len(receiver.seen) == 1


def test_task_of_a_row_that_is_gone_is_quiet(db):
    tasks.send_dispatch(1)


def test_locked_out_user_gets_nothing(send, webhook, receiver, alice):
    alice.is_active = False
    alice.save()
    assert send("webhook") is None
    assert receiver.seen == []


def test_lost_dispatch_is_found_again(alice, sent_tasks, on_commit):
    row = Dispatch.objects.create(user=alice, channel="email", due_at=timezone.now())
    with on_commit():
        tasks.send_due_dispatches()
    assert sent_tasks == [("agents.tasks.send_dispatch", [row.pk])]


def test_old_notifications_are_forgotten(told, send, settings):
    send("email")
    tasks.forget_notifications()
    assert Notification.objects.exists()
    delivery.forget_old(timezone.now() + timedelta(days=settings.CAM_NOTIFICATION_KEEP_DAYS + 1))
    assert not Notification.objects.exists()
    assert not Dispatch.objects.exists()
