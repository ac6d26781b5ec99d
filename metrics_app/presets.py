"""The ranges of days that are worth a name, and how they are cut into hours, days or months. Pure."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from metrics_app.ranges import DayRange

MAX_DAYS_BY_HOUR = 7
MAX_DAYS_BY_DAY = 366


class Preset(StrEnum):
    TODAY = "today"
    WEEK = "7d"
    DAYS_30 = "30d"
    THIS_MONTH = "month"
    LAST_MONTH = "last-month"
    ALL = "all"

    @property
    def label(self) -> str:
        return PRESET_LABELS[self]

    def days(self, today: date) -> DayRange | None:
        """Up to and with today; None for all time."""
        tomorrow = today + timedelta(days=1)
        match self:
            case Preset.TODAY:
                return DayRange(today, tomorrow)
            case Preset.WEEK:
                return DayRange(tomorrow - timedelta(days=7), tomorrow)
            case Preset.DAYS_30:
                return DayRange(tomorrow - timedelta(days=30), tomorrow)
            case Preset.THIS_MONTH:
                return DayRange(today.replace(day=1), tomorrow)
            case Preset.LAST_MONTH:
                return DayRange.of_month(today.replace(day=1) - timedelta(days=1))
            case Preset.ALL:
                return None


PRESET_LABELS = {
    Preset.TODAY: "Today",
    Preset.WEEK: "7 days",
    Preset.DAYS_30: "30 days",
    Preset.THIS_MONTH: "This month",
    Preset.LAST_MONTH: "Last month",
    Preset.ALL: "All time",
}

Moment = date | datetime


class Unit(StrEnum):
    """What a step of the time axis is. A step's moment is its beginning: a datetime for hours."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    @classmethod
    def fitting(cls, days: DayRange, wish: "Unit | None" = None) -> "Unit":
        """The one that was wished for, where it does not make too many steps."""
        length = (days.end - days.first).days
        if length > MAX_DAYS_BY_DAY:
            return cls.MONTH
        if wish == cls.HOUR and length <= MAX_DAYS_BY_HOUR:
            return cls.HOUR
        return cls.HOUR if wish is None and length == 1 else cls.DAY

    def start_of(self, moment: Moment) -> Moment:
        return moment.replace(day=1) if self == Unit.MONTH else moment

    def steps(self, days: DayRange) -> Iterator[Moment]:
        """All steps of the range, also those in which nothing happened."""
        match self:
            case Unit.HOUR:
                moment = datetime.combine(days.first, time.min, UTC)
                while moment < days.end_at:
                    yield moment
                    moment += timedelta(hours=1)
            case Unit.DAY:
                yield from days.days
            case Unit.MONTH:
                month = DayRange.of_month(days.first)
                while month.first < days.end:
                    yield month.first
                    month = DayRange.of_month(month.end)

    def label(self, moment: Moment) -> str:
        match self:
            case Unit.HOUR:
                return f"{moment:%b} {moment.day}, {moment:%H}:00"
            case Unit.DAY:
                return f"{moment:%b} {moment.day}"
            case Unit.MONTH:
                return f"{moment:%B %Y}"
