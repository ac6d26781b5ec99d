"""Mails over real SMTP, to a server that takes, refuses or goes away."""

import base64
import csv
import email
import io
import socket
from datetime import timedelta
from decimal import Decimal
from email import policy

import pytest
from django.utils import timezone

from metrics_app.mails import deliver, send_monthly_report
from metrics_app.models import CostMail
from metrics_app.ranges import DayRange
from tests.metrics_app.mail_server import running_server

pytestmark = pytest.mark.django_db

NOVEMBER = DayRange.parse_month("2026-11")


@pytest.fixture
def server(settings):
    with running_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_TIMEOUT = 5
        yield server


@pytest.fixture
def report(alice, wants, queue, make_agent, make_record):
    """Alice's report of November, with a name that needs care."""
    make_record(make_agent(alice, '"Żółw", =1\n.\nBcc: x'), cost_usd=Decimal("1.0000000001"))
    wants(alice)
    return send_monthly_report(alice, NOVEMBER)


def try_it(mail):
    deliver(mail.pk, timezone.now())
    mail.refresh_from_db()
    return mail


def test_a_report_arrives_whole(server, report):
    assert try_it(report).sent_at
    message = email.message_from_bytes(server.messages[0], policy=policy.default)
    assert (message["To"], message["From"]) == ("alice@example.org", "CAM <cam@localhost>")
    assert message["Subject"] == "Cost of your agents in November 2026: $1.0000"
    assert message["Bcc"] is None
    assert "exactly $1.0000000001" in message.get_body(("plain",)).get_content()
    assert "exactly $1.0000000001" in message.get_body(("html",)).get_content()
    (file,) = message.iter_attachments()
    assert (file.get_filename(), file.get_content_type()) == ("cam-costs-2026-11.csv", "text/csv")
    rows = list(csv.DictReader(io.StringIO(file.get_content(), newline="")))
    assert [row["cost_usd"] for row in rows] == ["1.0000000001"] * 4
    assert rows[1]["name"].splitlines() == ['"Żółw", =1', ".", "Bcc: x"]


def test_a_server_that_was_down_gets_it_later(server, report, settings):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        settings.EMAIL_PORT = closed.getsockname()[1]
    assert try_it(report).error == "The mail server could not be reached."
    assert try_it(report).attempts == 1
    settings.EMAIL_PORT = server.port
    CostMail.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert try_it(report).sent_at
    assert (report.error, len(server.messages)) == ("", 1)


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"RCPT": "550 no such user"}, "The mail server refused your address."),
        ({"RCPT": "451 come back later"}, "The mail server refused your address."),
        ({"MAIL": "550 who are you"}, "The mail server refused the portal's own address."),
        ({"BODY": "552 too big"}, "The mail server did not take it."),
        ({"DATA": "421 shutting down"}, "The mail server did not take it."),
    ],
)
def test_a_refusal_is_kept(server, report, answers, error):
    server.answers = answers
    assert try_it(report).error == error
    assert report.sent_at is None


def test_a_refused_login_shows_no_password(server, report, settings, caplog):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "cam", "hunter2"
    server.answers = {"AUTH": "535 cam:hunter2 is wrong"}
    assert try_it(report).error == "The mail server refused the portal's login."
    proof = base64.b64encode(b"\0cam\0hunter2").decode()
    assert f"AUTH PLAIN {proof}" in server.commands
    assert "535" in caplog.text
    assert "hunter2" not in caplog.text
    assert proof not in caplog.text
