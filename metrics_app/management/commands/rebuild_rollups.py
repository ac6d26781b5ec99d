from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from metrics_app.rollups import correct_day, days_of_ledger, let_others_write


class Command(BaseCommand):
    help = (
        "Compares the sums by hour and day with the ledger's calls and corrects them. They are "
        "kept in step at all times: differences are a defect, or an edit of the database by hand."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="write nothing; exit code 1 for differences"
        )

    def handle(self, *_args: Any, dry_run: bool, **_options: Any) -> None:
        span = days_of_ledger()
        days = span.days if span else []
        wrong = 0
        for day in days:
            if differences := correct_day(day, is_dry_run=dry_run):
                wrong += differences
                self.stdout.write(f"{day}: {differences} wrong")
            let_others_write()
        if wrong and dry_run:
            raise CommandError(f"{wrong} sums of {len(days)} days are wrong")
        self.stdout.write(f"{len(days)} days, {wrong or 'no'} sums corrected")
