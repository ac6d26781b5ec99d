"""Sends what is on its way to users' devices, programs and mailboxes; tries again for some hours."""

import hashlib
import hmac
import json
import time
from datetime import datetime, timedelta
from urllib.parse import urljoin

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import F
from django.utils import timezone

from agents import web_push
from agents.encryption import Unreadable, decrypt
from agents.models import Channel, Dispatch, Notification, PushSubscription, Webhook
from agents.models.notification import MAX_ATTEMPTS
from agents.outbound import Answer, OutboundError, Refused, post
from agents.services.queue import enqueue
from agents.site_settings import current

LEASE = timedelta(minutes=2)
GONE = (404, 410)


def enqueue_due(now: datetime) -> None:
    """Hand to the workers what is to be tried again, or was lost by a broker or a worker."""
    for key in Dispatch.objects.due(now).values_list("pk", flat=True)[:500]:
        enqueue("send_dispatch", key)


def forget_old(now: datetime) -> None:
    long_ago = now - timedelta(days=current("CAM_NOTIFICATION_KEEP_DAYS"))
    Notification.objects.filter(created_at__lt=long_ago).delete()
    Dispatch.objects.filter(created_at__lt=long_ago).delete()


def deliver(dispatch_id: int, now: datetime) -> None:
    """Send it if it is due. One compare-and-set claims it, so of several workers one sends.

    A worker that dies while it sends leaves the claim: it is tried again, and may arrive twice.
    """
    due = Dispatch.objects.due(now).filter(pk=dispatch_id)
    if not due.update(due_at=now + LEASE, attempts=F("attempts") + 1, answer=""):
        return
    dispatch = Dispatch.objects.select_related("user", "subscription", "notification__agent").get(
        pk=dispatch_id
    )
    if not dispatch.user.is_active:
        dispatch.delete()
        return
    try:
        answer = _send(dispatch)
    except Refused as exc:
        _finish(dispatch, str(exc), is_sent=False, is_final=True)
    except (OutboundError, OSError) as exc:
        _finish(dispatch, str(exc), is_sent=False)
    else:
        _note_answer(dispatch, answer)


def _send(dispatch: Dispatch) -> Answer:
    if dispatch.channel == Channel.PUSH and dispatch.subscription:
        return web_push.send(dispatch.subscription, push_payload(dispatch))
    if dispatch.channel == Channel.WEBHOOK:
        return _send_to_webhook(dispatch)
    body = urljoin(settings.CAM_PUBLIC_URL, push_payload(dispatch)["url"])
    send_mail(dispatch.title, f"{dispatch.title}.\n\n{body}\n", None, [dispatch.user.email])
    return Answer(200, "")


def push_payload(dispatch: Dispatch) -> dict[str, str]:
    """What leaves the portal: the agent's name and what happened, nothing of what it wrote."""
    row = dispatch.notification
    if row is None:
        return {"title": "Notifications work", "tag": "test", "url": "/config/#notifications"}
    return {"title": row.title, "tag": row.tag, "url": f"/notifications/{row.pk}/"}


def webhook_payload(dispatch: Dispatch) -> dict[str, object]:
    row = dispatch.notification
    payload: dict[str, object] = {
        "id": dispatch.pk,
        "kind": row.kind if row else "test",
        "title": dispatch.title,
        "at": (row or dispatch).created_at.isoformat(),
    }
    if row:
        url = urljoin(settings.CAM_PUBLIC_URL, row.agent.get_absolute_url())
        payload["agent"] = {"id": str(row.agent_id), "name": row.agent.name, "url": url}
    return payload


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """What a receiver computes to know who sent it, and when."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _send_to_webhook(dispatch: Dispatch) -> Answer:
    webhook = Webhook.objects.filter(user=dispatch.user).first()
    if webhook is None:
        raise Refused("The webhook was removed.")
    try:
        secret = decrypt(webhook.encrypted_secret)
    except Unreadable as exc:
        raise Refused("The secret cannot be read any more: set it again.") from exc
    body = json.dumps(webhook_payload(dispatch)).encode()
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "CAM",
        "X-CAM-Delivery": str(dispatch.pk),
        "X-CAM-Timestamp": timestamp,
        "X-CAM-Signature": f"sha256={sign(secret, timestamp, body)}",
    }
    return post(webhook.url, body, headers, may_reach=settings.CAM_MAY_NOTIFY)


def _note_answer(dispatch: Dispatch, answer: Answer) -> None:
    subscription = dispatch.subscription
    if subscription and answer.status in GONE:
        subscription.delete()  # the browser took it back; the dispatch goes with it
        return
    words = "" if dispatch.channel == Channel.EMAIL else f"answered {answer.status}"
    _finish(dispatch, words, is_sent=answer.is_success)
    if subscription and answer.is_success:
        PushSubscription.objects.filter(pk=subscription.pk).update(last_sent_at=timezone.now())


def _finish(dispatch: Dispatch, words: str, *, is_sent: bool, is_final: bool = False) -> None:
    now = timezone.now()
    Dispatch.objects.filter(pk=dispatch.pk).update(
        answer=words[:200],
        sent_at=now if is_sent else None,
        due_at=now + dispatch.pause,
        attempts=MAX_ATTEMPTS if is_final else dispatch.attempts,
    )
