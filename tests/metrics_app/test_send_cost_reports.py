from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core import mail as outbox_module
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.utils import timezone

from metrics_app.models import CostMail
from metrics_app.models.mails import MAX_ATTEMPTS
from metrics_app.ranges import DayRange

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def readers(alice, bob, wants, queue):
    wants(alice, bob)


def run(*arguments):
    call_command("send_cost_reports", "--month=2025-10", *arguments)


def recipients():
    return [message.to[0] for message in outbox_module.outbox]


def test_it_sends_what_is_missing_and_repeats_nothing(capsys):
    run("--user=bob")
    run()
    run()
    assert recipients() == ["bob@example.org", "alice@example.org"]
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "alice <alice@example.org>: was sent before",
        "bob <bob@example.org>: was sent before",
    ]


def test_a_dry_run_tells_and_does_nothing(capsys, agent, make_record):
    make_record(agent, started_at=datetime(2025, 10, 5, tzinfo=UTC), cost_usd=Decimal(2))
    run("--dry-run")
    assert capsys.readouterr().out.splitlines() == [
        "alice <alice@example.org>: would be sent, $2.0000",
        "bob <bob@example.org>: would be sent, $0.00",
    ]
    assert recipients() == []
    assert not CostMail.objects.exists()


def test_a_failure_ends_with_an_error_and_can_be_repeated(monkeypatch, capsys):
    def refuse(*_args):
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(EmailMessage, "send", refuse)
        with pytest.raises(CommandError, match="2 of 2 could not be sent"):
            run()
    assert "alice <alice@example.org>: failed: The mail server could" in capsys.readouterr().out
    CostMail.objects.update(attempts=MAX_ATTEMPTS)
    run()
    assert recipients() == ["alice@example.org", "bob@example.org"]


def test_it_says_so_where_nobody_wants_one(capsys, alice, bob, wants):
    wants(alice, bob, monthly_report=False)
    run()
    assert "nobody wants" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: --month"),
        (["--month=October"], "'October': expected a month such as"),
        (["--month=2026-13"], "expected a month"),
        (["--month=9999-01"], "expected a day from"),
        ([f"--month={DayRange.of_month(timezone.now().date()).slug}"], "is not over"),
        (["--month=2025-10", "--user=nobody"], "there is no user 'nobody'"),
        (["--month=2025-10", "--user=charlie"], "'charlie' wants no monthly reports"),
    ],
)
def test_bad_arguments_give_clear_errors(charlie, arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("send_cost_reports", *arguments)
