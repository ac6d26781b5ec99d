from argparse import ArgumentParser, ArgumentTypeError
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from metrics_app.models import TurnCost
from metrics_app.turn_costs import DEFAULT_DAYS, MAX_DAYS, compare, settled_turns


class Command(BaseCommand):
    help = (
        "Compares each turn's cost with the CLI's own figure. Lists the turns that do not agree, "
        "and then ends with exit code 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--days",
            type=parse_days,
            default=DEFAULT_DAYS,
            help=f"how far back (default {DEFAULT_DAYS})",
        )

    def handle(self, *_args: Any, days: int, **_options: Any) -> None:
        now = timezone.now()
        count = flagged = 0
        for turn in settled_turns(days, now).order_by("ended_at", "pk").iterator(chunk_size=500):
            compare(turn, now)
            count += 1
            if turn.is_flagged:
                flagged += 1
                self.stdout.write(describe(turn))
        if flagged:
            raise CommandError(f"{flagged} of {count} turns do not agree")
        self.stdout.write(f"{count} turns, all agree")


def parse_days(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:10]) <= MAX_DAYS:
        raise ArgumentTypeError(f"{text[:100]!r} is no number of days from 1 to {MAX_DAYS}")
    return int(text)


def describe(turn: TurnCost) -> str:
    return (
        f"{turn.ended_at:%Y-%m-%d %H:%M:%S} agent {turn.agent_id} event {turn.result_seq}: "
        f"ours {_exact(turn.our_cost_usd)}, the CLI's {_exact(turn.cli_cost_usd)}, "
        f"difference {_exact(turn.difference_usd)}: {turn.reason or 'for no known reason'}"
    )


def _exact(value: Decimal | None) -> str:
    return "none" if value is None else f"{value.normalize():f}"
