from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from metrics_app.models import UsageRecord
from metrics_app.querysets import UsageRecordQuerySet
from metrics_app.repricing import Repriced, reprice

ROW = "{:<40} {:>8} {:>18} {:>18} {:>18}"


class Command(BaseCommand):
    help = "Prices stored calls again, by the overrides and the price list of today."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from", dest="first", type=parse_day, required=True, help="the first day, YYYY-MM-DD"
        )
        parser.add_argument(
            "--to", dest="last", type=parse_day, required=True, help="the last day, included"
        )
        parser.add_argument("--model", default="*", help="only models that fit, as claude-opus-*")
        parser.add_argument("--user", help="only calls of the user of this name")
        parser.add_argument("--dry-run", action="store_true", help="tell, and write nothing")

    def handle(
        self,
        *_args: Any,
        first: date,
        last: date,
        model: str,
        user: str | None,
        dry_run: bool,
        **_options: Any,
    ) -> None:
        if first > last:
            raise CommandError(f"--from {first} is after --to {last}")
        if not model.strip():
            raise CommandError("--model is empty: leave it out for all models")
        changes = reprice(_find_records(first, last, user), pattern=model, is_dry_run=dry_run)
        self._report(changes, "would change" if dry_run else "changed")

    def _report(self, changes: Mapping[str, Repriced], verb: str) -> None:
        if not changes:
            self.stdout.write("no price changes")
            return
        self.stdout.write(ROW.format("model", verb, "old USD", "new USD", "difference"))
        total = Repriced()
        for model, change in sorted(changes.items()):
            self._write_row(model, change)
            total.rows += change.rows
            total.old_usd += change.old_usd
            total.new_usd += change.new_usd
        self._write_row("all", total)

    def _write_row(self, name: str, change: Repriced) -> None:
        # An agent may have chosen the name: nothing of it may steer the terminal.
        printable = "".join(one if one.isprintable() else "?" for one in name)
        sums = (change.old_usd, change.new_usd, change.difference_usd)
        self.stdout.write(ROW.format(printable or "(none)", change.rows, *map(_exact, sums)))


def parse_day(text: str) -> date:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError as exc:
        raise ArgumentTypeError(f"{text[:100]!r} is no day such as 2026-11-30") from exc
    if not 2000 <= day.year < 2200:
        raise ArgumentTypeError(f"{text[:100]!r} is out of range")
    return day


def _find_records(first: date, last: date, username: str | None) -> UsageRecordQuerySet:
    """Calls from the first day's midnight to the end of the last, in the site's time zone."""
    records = UsageRecord.objects.filter(
        started_at__gte=_midnight(first), started_at__lt=_midnight(last + timedelta(days=1))
    )
    if username is None:
        return records
    user = User.objects.filter(username=username).first()
    if user is None:
        raise CommandError(f"there is no user {username[:100]!r}")
    return records.of_user(user)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _exact(value: Decimal) -> str:
    return f"{value.normalize():f}"
