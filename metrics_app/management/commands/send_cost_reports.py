from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from metrics_app.mail_contents import one_line, sum_month
from metrics_app.mails import deliver, find_readers, renew, send_monthly_report
from metrics_app.models import CostMail, MailKind
from metrics_app.ranges import DayRange
from metrics_app.templatetags.usage import cost_text


class Command(BaseCommand):
    help = (
        "Sends a month's cost report to those who want it and have not got it. Ends with exit code 1 "
        "if one could not be sent; repeating it sends what is missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--month", type=parse_month, required=True, help="such as 2026-10")
        parser.add_argument("--user", help="only to the user of this name")
        parser.add_argument("--dry-run", action="store_true", help="tell, and send nothing")

    def handle(
        self, *_args: Any, month: DayRange, user: str | None, dry_run: bool, **_options: Any
    ) -> None:
        if month.end_at > timezone.now().astimezone(UTC):
            raise CommandError(f"{month} is not over")
        readers = _find_readers(user)
        failed = 0
        for reader in readers:
            outcome = _preview(reader, month) if dry_run else _send(reader, month)
            failed += outcome.startswith("failed")
            self.stdout.write(f"{one_line(reader.username)} <{one_line(reader.email)}>: {outcome}")
        if failed:
            raise CommandError(f"{failed} of {len(readers)} could not be sent")
        if not readers:
            self.stdout.write("nobody wants monthly reports")


def parse_month(text: str) -> DayRange:
    try:
        return DayRange.parse_month(text)
    except ValueError as exc:
        raise ArgumentTypeError(f"{text[:100]!r}: {exc}") from exc


def _find_readers(username: str | None) -> list[User]:
    readers = find_readers("monthly_report")
    if username is None:
        return list(readers)
    if not User.objects.filter(username=username).exists():
        raise CommandError(f"there is no user {username[:100]!r}")
    found = list(readers.filter(username=username))
    if not found:
        raise CommandError(f"{username[:100]!r} wants no monthly reports, or has no address")
    return found


def _preview(reader: User, month: DayRange) -> str:
    sent = CostMail.objects.filter(
        user=reader, kind=MailKind.MONTHLY_REPORT, occasion=month.slug, sent_at__isnull=False
    )
    if sent.exists():
        return "was sent before"
    return f"would be sent, {cost_text(sum_month(reader, month).total)}"


def _send(reader: User, month: DayRange) -> str:
    mail = send_monthly_report(reader, month)
    if mail.sent_at:
        return "was sent before"
    if mail.error or mail.is_given_up:
        renew(mail)
    deliver(mail.pk, timezone.now())
    mail.refresh_from_db()
    if mail.sent_at:
        return "sent"
    return f"failed: {mail.error}" if mail.error else "is being sent by a worker"
