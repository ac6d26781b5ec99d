"""Each mail is made once and sent once, whatever is repeated or killed on the way."""

import smtplib
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core import mail as outbox_module
from django.core.mail import EmailMessage
from django.utils import timezone

from metrics_app import mails, tasks
from metrics_app.mail_contents import BudgetAlert
from metrics_app.mails import (
    NoAddress,
    TooManyRequests,
    deliver,
    enqueue_due_mails,
    last_month,
    mail_budget_alert,
    make_monthly_reports,
    request_report,
    send_monthly_report,
)
from metrics_app.models import CostMail, CostMailPreference
from metrics_app.models.mails import MAX_ATTEMPTS
from metrics_app.ranges import DayRange

pytestmark = pytest.mark.django_db

OCTOBER = DayRange.parse_month("2026-10")
NOW = datetime(2026, 11, 1, 5, 10, tzinfo=UTC)
ALERT = BudgetAlert(
    budget_id=7,
    whose="alice",
    period="2026-11",
    threshold_percent=80,
    spent_usd=Decimal("8.1234567891"),
    limit_usd=Decimal(10),
    resets_at=datetime(2026, 12, 1, tzinfo=UTC),
    path="/metrics/budgets/7/",
)


def later(**time):
    return timezone.now() + timedelta(**time)


@pytest.fixture
def outbox():
    return outbox_module.outbox


@pytest.fixture
def report(alice, wants, queue):
    """Alice's report of October, made and not sent."""
    wants(alice)
    return send_monthly_report(alice, OCTOBER)


@contextmanager
def broken(error):
    """Has every sending end in an error."""

    def send(*_args, **_kwargs):
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EmailMessage, "send", send)
        yield


# Who gets which


@pytest.mark.parametrize(
    ("now", "month"),
    [
        (NOW, "2026-10"),
        (datetime(2026, 11, 30, 23, 59, tzinfo=UTC), "2026-10"),
        (datetime(2027, 1, 1, tzinfo=UTC), "2026-12"),
    ],
)
def test_last_month(now, month):
    assert last_month(now).slug == month


def test_reports_go_to_those_who_want_them_and_have_an_address(alice, bob, charlie, wants, queue):
    wants(alice)
    wants(bob, monthly_report=False, budget_alerts=True)
    wants(charlie)
    User.objects.filter(pk=charlie.pk).update(email="")
    with queue.committed():
        make_monthly_reports(NOW)
    mail = CostMail.objects.get()
    assert (mail.user, mail.occasion, queue) == (alice, "2026-10", [mail.pk])


def test_nobody_gets_a_report_unasked(alice, queue):
    make_monthly_reports(NOW)
    assert not CostMail.objects.exists()


def test_a_user_who_is_locked_out_gets_none(alice, wants, queue):
    wants(alice)
    User.objects.update(is_active=False)
    make_monthly_reports(NOW)
    assert not CostMail.objects.exists()


def test_a_portal_that_was_down_on_the_1st_catches_up(alice, wants, queue):
    wants(alice)
    make_monthly_reports(NOW + timedelta(days=20))
    assert CostMail.objects.get().occasion == "2026-10"


def test_the_daily_task_makes_a_report_once(alice, wants, queue):
    wants(alice)
    with queue.committed():
        for day in range(5):
            make_monthly_reports(NOW + timedelta(days=day))
    assert len(queue) == CostMail.objects.count() == 1
    make_monthly_reports(NOW + timedelta(days=31))
    assert [mail.occasion for mail in CostMail.objects.all()] == ["2026-11", "2026-10"]


def test_the_tasks_do_the_whole_of_it(alice, wants, queue, outbox):
    wants(alice)
    with queue.committed():
        tasks.make_monthly_reports()
        tasks.send_due_mails()
    for mail_id in queue:
        tasks.send_cost_mail(mail_id)
    assert [message.to for message in outbox] == [["alice@example.org"]]


# Once


def test_a_repeated_task_sends_once(report, outbox):
    for _ in range(3):
        deliver(report.pk, timezone.now())
    assert len(outbox) == 1
    report.refresh_from_db()
    assert (report.address, report.attempts) == ("alice@example.org", 1)
    assert report.sent_at


def test_a_second_worker_that_comes_midway_sends_nothing(report, outbox, monkeypatch):
    send = EmailMessage.send

    def interrupted_send(message):
        deliver(report.pk, later())
        return send(message)

    monkeypatch.setattr(EmailMessage, "send", interrupted_send)
    deliver(report.pk, timezone.now())
    assert len(outbox) == 1


def test_a_mail_that_is_gone_is_quiet(db, outbox):
    deliver(4711, timezone.now())
    assert outbox == []


def test_a_worker_killed_midway_leaves_it_to_the_next_hour(report, outbox):
    with broken(KeyboardInterrupt()), pytest.raises(KeyboardInterrupt):
        deliver(report.pk, timezone.now())
    deliver(report.pk, later(minutes=59))
    assert outbox == []
    deliver(report.pk, later(minutes=61))
    assert len(outbox) == 1


def test_a_mail_that_may_arrive_twice_has_one_id(report, outbox, monkeypatch):
    for _ in range(2):
        deliver(report.pk, later(hours=2))
        CostMail.objects.update(sent_at=None, due_at=timezone.now())
    first, second = (message.message()["Message-ID"] for message in outbox)
    assert first == second
    assert first.endswith("@localhost>")


def test_what_a_broker_lost_is_found(report, queue):
    queue.clear()
    with queue.committed():
        enqueue_due_mails(later())
    assert queue == [report.pk]


@pytest.mark.parametrize(
    "state", [{"sent_at": NOW}, {"due_at": later(hours=1)}, {"attempts": MAX_ATTEMPTS}]
)
def test_what_is_sent_or_being_sent_or_given_up_is_not_found(report, queue, state):
    queue.clear()
    CostMail.objects.update(**state)
    with queue.committed():
        enqueue_due_mails(later())
    assert queue == []


# What changed meanwhile


def test_it_is_dropped_when_the_user_switched_it_off(report, wants, alice, outbox):
    wants(alice, monthly_report=False)
    deliver(report.pk, timezone.now())
    assert outbox == []
    assert not CostMail.objects.exists()


@pytest.mark.parametrize("change", [{"email": ""}, {"is_active": False}])
def test_it_is_dropped_when_the_user_can_get_none(report, outbox, change):
    User.objects.update(**change)
    deliver(report.pk, timezone.now())
    assert outbox == []
    assert not CostMail.objects.exists()


# Failures


def test_a_failure_is_kept_and_tried_again(report, outbox):
    with broken(ConnectionRefusedError(111, "Connection refused")):
        deliver(report.pk, timezone.now())
    report.refresh_from_db()
    assert report.error == "The mail server could not be reached."
    assert later() < report.due_at < later(seconds=61)
    deliver(report.pk, later(seconds=62))
    report.refresh_from_db()
    assert (report.error, len(outbox)) == ("", 1)


def test_pauses_grow_and_it_is_given_up(report):
    now, pauses = timezone.now(), []
    for _ in range(MAX_ATTEMPTS):
        with broken(ConnectionRefusedError()):
            deliver(report.pk, now)
        report.refresh_from_db()
        pauses.append((report.due_at - now).total_seconds() / 60)
        now = report.due_at
    assert pauses == [1, 4, 16, 64, 256, 360, 360, 360]
    deliver(report.pk, later(days=30))
    report.refresh_from_db()
    assert (report.attempts, report.is_given_up) == (MAX_ATTEMPTS, True)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (smtplib.SMTPAuthenticationError(535, b"bad: hunter2"), "refused the portal's login"),
        (smtplib.SMTPRecipientsRefused({"a@b.c": (550, b"no")}), "refused your address"),
        (smtplib.SMTPSenderRefused(550, b"no", "cam@b.c"), "refused the portal's own"),
        (smtplib.SMTPServerDisconnected("hunter2"), "broke off"),
        (smtplib.SMTPDataError(552, b"hunter2"), "did not take it"),
        (TimeoutError(), "could not be reached"),
        (ValueError("no address"), "cannot be written to"),
    ],
)
def test_the_reader_is_told_why_and_the_log_has_no_secret(report, caplog, error, words):
    with broken(error):
        deliver(report.pk, timezone.now())
    report.refresh_from_db()
    assert words in report.error
    assert f"mail {report.pk}" in caplog.text
    assert "hunter2" not in caplog.text + report.error


# Asked for


def test_a_report_can_be_asked_for_whatever_was_sent(report, alice, outbox):
    CostMailPreference.objects.all().delete()
    asked = request_report(alice, OCTOBER)
    deliver(asked.pk, timezone.now())
    assert len(outbox) == 1


def test_an_hour_has_three_of_them(alice, queue):
    for _ in range(mails.REQUESTS_AN_HOUR):
        request_report(alice, OCTOBER)
    with pytest.raises(TooManyRequests):
        request_report(alice, OCTOBER)
    CostMail.objects.update(created_at=later(hours=-2))
    assert request_report(alice, OCTOBER)


def test_without_an_address_none_can_be_asked_for(alice, queue):
    alice.email = ""
    with pytest.raises(NoAddress):
        request_report(alice, OCTOBER)


# Budgets


def test_an_alert_goes_once_to_those_concerned_who_want_it(alice, bob, charlie, wants, queue):
    wants(alice, charlie)
    with queue.committed():
        for _ in range(2):
            mail_budget_alert([alice, bob], ALERT)
    assert CostMail.objects.get().user == alice
    assert len(queue) == 1


@pytest.mark.parametrize(
    "change", [{"period": "2026-12"}, {"threshold_percent": 100}, {"budget_id": 8}]
)
def test_another_period_threshold_or_budget_is_another_mail(alice, wants, queue, change):
    facts = ALERT.to_facts()
    wants(alice)
    mail_budget_alert([alice], ALERT)
    mail_budget_alert([alice], BudgetAlert.from_facts(facts | change))
    assert CostMail.objects.count() == 2


def test_an_alert_says_whose_budget_and_how_much_of_what(alice, wants, queue, outbox):
    wants(alice)
    mail_budget_alert([alice], ALERT)
    deliver(CostMail.objects.get().pk, timezone.now())
    (message,) = outbox
    assert message.subject == "Budget of alice: 80 % used"
    for part in ("$8.1235 of $10.00", "1 December 2026, 00:00 UTC", "/metrics/budgets/7/"):
        assert part in message.body
    assert 'href="http://localhost:8420/metrics/budgets/7/"' in message.alternatives[0].content


def test_an_alert_that_is_switched_off_meanwhile_is_dropped(alice, wants, queue, outbox):
    wants(alice)
    mail_budget_alert([alice], ALERT)
    wants(alice, budget_alerts=False)
    deliver(CostMail.objects.get().pk, timezone.now())
    assert outbox == []


def test_a_budgets_name_cannot_add_a_header(alice, wants, queue, outbox):
    wants(alice)
    evil = ALERT.to_facts() | {"whose": "x\r\nBcc: eve@example.org\r\n\r\n<b>boo</b>" + "y" * 500}
    mail_budget_alert([alice], BudgetAlert.from_facts(evil))
    deliver(CostMail.objects.get().pk, timezone.now())
    parsed = outbox[0].message()
    assert parsed["Bcc"] is None
    assert "\n" not in outbox[0].subject
    assert "<b>boo" not in outbox[0].alternatives[0].content
