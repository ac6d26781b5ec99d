"""Ranges of UTC days: the first is in, the end is not. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

EARLIEST_DAY = date(2000, 1, 1)
LATEST_DAY = date(2200, 1, 1)


def parse_day(text: str) -> date:
    """Read `2026-11-23`, and no other way to write a day. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("expected a day such as 2026-11-23")
    try:
        day = date.fromisoformat(text)
    except ValueError as exc:
        raise ValueError("there is no such day") from exc
    if not EARLIEST_DAY <= day <= LATEST_DAY:
        raise ValueError(f"expected a day from {EARLIEST_DAY} to {LATEST_DAY}")
    return day


def start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


@dataclass(frozen=True, slots=True)
class DayRange:
    """From the start of day `first` to the start of day `end`, in UTC."""

    first: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.first:
            raise ValueError("the range is empty: its end must come after its first day")

    @classmethod
    def of_day(cls, day: date) -> Self:
        return cls(day, day + timedelta(days=1))

    @classmethod
    def of_month(cls, day: date) -> Self:
        """The whole month that `day` lies in."""
        first = day.replace(day=1)
        is_december = first.month == 12
        end = first.replace(
            year=first.year + is_december, month=1 if is_december else first.month + 1
        )
        return cls(first, end)

    @classmethod
    def parse_month(cls, text: str) -> Self:
        """Read `2026-11`. Raises ValueError."""
        if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
            raise ValueError("expected a month such as 2026-11")
        return cls.of_month(parse_day(f"{text}-01"))

    @property
    def start_at(self) -> datetime:
        return start_of(self.first)

    @property
    def end_at(self) -> datetime:
        return start_of(self.end)

    @property
    def days(self) -> list[date]:
        return [
            self.first + timedelta(days=number) for number in range((self.end - self.first).days)
        ]

    @property
    def is_month(self) -> bool:
        return self == DayRange.of_month(self.first)

    @property
    def month_before(self) -> str:
        """The month before the one that the range starts in, as `parse_month` reads it."""
        month = DayRange.of_month(self.first)
        return f"{month.first - timedelta(days=1):%Y-%m}"

    @property
    def month_after(self) -> str:
        return f"{DayRange.of_month(self.first).end:%Y-%m}"

    @property
    def slug(self) -> str:
        """For names of files: `2026-11`, or `2026-11-03-until-2026-11-10`."""
        return f"{self.first:%Y-%m}" if self.is_month else f"{self.first}-until-{self.end}"

    def __str__(self) -> str:
        if self.is_month:
            return f"{self.first:%B %Y}"
        return f"{self.first} until, and without, {self.end}"
