"""Mails about costs: made once as rows, sent by workers, tried again while the mail server is down."""

import logging
import smtplib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from agents.services.queue import enqueue
from metrics_app.mail_contents import BudgetAlert, make_alert_message, make_report_message, one_line
from metrics_app.models import CostMail, CostMailPreference, MailKind
from metrics_app.models.mails import MAX_ATTEMPTS
from metrics_app.ranges import DayRange

logger = logging.getLogger(__name__)

LEASE = timedelta(hours=1)
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
REQUESTS_AN_HOUR = 3


class TooManyRequests(Exception):
    """The user asked for as many reports as an hour allows."""


class NoAddress(Exception):
    """The user has no address to send to."""


def last_month(now: datetime) -> DayRange:
    today = DayRange.of_month(now.astimezone(UTC).date())
    return DayRange.parse_month(today.month_before)


def find_readers(wish: str) -> QuerySet[User]:
    """Active users with an address who want the mails that `wish`, a field of CostMailPreference, is for."""
    return (
        User.objects.filter(is_active=True, **{f"cost_mail_preference__{wish}": True})
        .exclude(email="")
        .order_by("username")
    )


# Making them


def send_monthly_report(user: User, month: DayRange) -> CostMail:
    """Have a worker send the user a month's report; it is sent once however often this is called."""
    facts = {"month": month.slug}
    return _make_mail(user, MailKind.MONTHLY_REPORT, month.slug, f"Report of {month}", facts)


def request_report(user: User, month: DayRange) -> CostMail:
    """Have a worker send a month's report now, whatever was sent before.

    Raises NoAddress, or TooManyRequests.
    """
    if not user.email:
        raise NoAddress("Set an address first.")
    now = timezone.now()
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # two requests at once take turns
        recent = CostMail.objects.visible_to(user).filter(
            kind=MailKind.REQUESTED_REPORT, created_at__gt=now - timedelta(hours=1)
        )
        if recent.count() >= REQUESTS_AN_HOUR:
            raise TooManyRequests(f"At most {REQUESTS_AN_HOUR} reports an hour: try again later.")
        occasion = f"{month.slug}, asked for at {now.isoformat()}"
        facts = {"month": month.slug}
        return _make_mail(
            user, MailKind.REQUESTED_REPORT, occasion, f"Report of {month}, asked for", facts
        )


def mail_budget_alert(users: Iterable[User], alert: BudgetAlert) -> None:
    """Tell those of `users` who want it, once for a budget, its period and a threshold.

    Whose business a budget is, the caller knows: all of `users` get to read its figures.
    """
    concerned = find_readers("budget_alerts").filter(pk__in=[user.pk for user in users])
    for user in concerned:
        _make_mail(user, MailKind.BUDGET_ALERT, alert.occasion, alert.title, alert.to_facts())


def make_monthly_reports(now: datetime) -> None:
    """Last month's report for all who want it and have none yet, also if the 1st is long past."""
    month = last_month(now)
    have_one = CostMail.objects.filter(kind=MailKind.MONTHLY_REPORT, occasion=month.slug)
    for user in find_readers("monthly_report").exclude(pk__in=have_one.values("user")):
        send_monthly_report(user, month)


def _make_mail(
    user: User, kind: MailKind, occasion: str, title: str, facts: dict[str, Any]
) -> CostMail:
    mail, is_new = CostMail.objects.get_or_create(
        user=user,
        kind=kind,
        occasion=occasion,
        defaults={"title": title, "facts": facts, "due_at": timezone.now()},
    )
    if is_new:
        enqueue("send_cost_mail", mail.pk, app="metrics_app")
    return mail


# Sending them


def enqueue_due_mails(now: datetime) -> None:
    """Hand to the workers what is due: to be tried again, or lost by a broker or a worker."""
    for mail_id in CostMail.objects.due(now).values_list("pk", flat=True):
        enqueue("send_cost_mail", mail_id, app="metrics_app")


def renew(mail: CostMail) -> None:
    """Let a mail that failed, or was given up, be tried from the start."""
    CostMail.objects.filter(pk=mail.pk, sent_at=None).update(attempts=0, due_at=timezone.now())


def deliver(mail_id: int, now: datetime) -> None:
    """Send a mail if it is due and still wanted.

    Claiming it is one compare-and-set update, so of several workers one sends. A worker that is killed while
    it sends leaves the claim, and an hour later the mail is tried again, `MAX_ATTEMPTS` times in all. It
    may therefore arrive twice: where the mail server took it, and the worker died, or lost the server's
    answer or the database, before it was marked as sent. Both then carry the same Message-ID, by which
    many mail programs show them once.
    """
    if (
        not CostMail.objects.due(now)
        .filter(pk=mail_id)
        .update(due_at=now + LEASE, attempts=F("attempts") + 1, error="")
    ):
        return
    mail = CostMail.objects.select_related("user").get(pk=mail_id)
    if not _is_wanted(mail):
        mail.delete()
        return
    try:
        _compose(mail).send()
    except (OSError, ValueError) as exc:  # SMTPException is an OSError, a bad address a ValueError
        _postpone(mail, exc, now)
    else:
        CostMail.objects.filter(pk=mail.pk).update(
            sent_at=timezone.now(), address=mail.user.email, error=""
        )


def _is_wanted(mail: CostMail) -> bool:
    """The user may have switched it off, lost the address or been locked out since it was made."""
    if not (mail.user.is_active and mail.user.email):
        return False
    wishes = CostMailPreference.objects.filter(user=mail.user)
    match MailKind(mail.kind):
        case MailKind.MONTHLY_REPORT:
            return wishes.filter(monthly_report=True).exists()
        case MailKind.BUDGET_ALERT:
            return wishes.filter(budget_alerts=True).exists()
        case MailKind.REQUESTED_REPORT:
            return True


def _compose(mail: CostMail) -> EmailMultiAlternatives:
    if mail.kind == MailKind.BUDGET_ALERT:
        message = make_alert_message(mail.user, BudgetAlert.from_facts(mail.facts))
    else:
        message = make_report_message(mail.user, DayRange.parse_month(mail.facts["month"]))
    host = urlsplit(settings.CAM_PUBLIC_URL).hostname
    message.extra_headers["Message-ID"] = f"<{mail.pk}.{mail.created_at.timestamp():.0f}@{host}>"
    return message


def _postpone(mail: CostMail, exc: Exception, now: datetime) -> None:
    pause = min(FIRST_PAUSE * 4 ** (mail.attempts - 1), LONGEST_PAUSE)
    CostMail.objects.filter(pk=mail.pk).update(due_at=now + pause, error=explain(exc))
    is_last = mail.attempts >= MAX_ATTEMPTS
    logger.warning(
        "mail %s to user %s not sent, attempt %s of %s%s: %s",
        mail.pk,
        mail.user_id,
        mail.attempts,
        MAX_ATTEMPTS,
        ", given up" if is_last else f", next in {pause}",
        _describe(exc),
    )


def explain(exc: Exception) -> str:
    """The failure in words for the reader; what the server said may be meant for others."""
    match exc:
        case smtplib.SMTPAuthenticationError():
            return "The mail server refused the portal's login."
        case smtplib.SMTPRecipientsRefused():
            return "The mail server refused your address."
        case smtplib.SMTPSenderRefused():
            return "The mail server refused the portal's own address."
        case smtplib.SMTPServerDisconnected():
            return "The mail server broke off."
        case smtplib.SMTPException():
            return "The mail server did not take it."
        case OSError():
            return "The mail server could not be reached."
        case _:
            return "Your address cannot be written to."


def _describe(exc: Exception) -> str:
    """For the log: what failed, without the login that the server may repeat."""
    code = getattr(exc, "smtp_code", "")
    if isinstance(exc, smtplib.SMTPException):
        return f"{type(exc).__name__} {code}".strip()
    return f"{type(exc).__name__}: {one_line(str(exc))}"
