from datetime import UTC, date, datetime

import pytest

from metrics_app.presets import Preset, Unit
from metrics_app.ranges import DayRange

TODAY = date(2026, 3, 31)


@pytest.mark.parametrize(
    ("preset", "first", "end"),
    [
        (Preset.TODAY, date(2026, 3, 31), date(2026, 4, 1)),
        (Preset.WEEK, date(2026, 3, 25), date(2026, 4, 1)),
        (Preset.DAYS_30, date(2026, 3, 2), date(2026, 4, 1)),
        (Preset.THIS_MONTH, date(2026, 3, 1), date(2026, 4, 1)),
        (Preset.LAST_MONTH, date(2026, 2, 1), date(2026, 3, 1)),
    ],
)
def test_presets_are_ranges_of_days(preset, first, end):
    assert preset.days(TODAY) == DayRange(first, end)


def test_all_time_has_no_first_day():
    assert Preset.ALL.days(TODAY) is None


def test_every_preset_has_a_label():
    assert all(preset.label for preset in Preset)


@pytest.mark.parametrize(
    ("length", "wish", "unit"),
    [
        (1, None, Unit.HOUR),
        (1, Unit.DAY, Unit.DAY),
        (7, None, Unit.DAY),
        (7, Unit.HOUR, Unit.HOUR),
        (8, Unit.HOUR, Unit.DAY),
        (366, None, Unit.DAY),
        (367, Unit.DAY, Unit.MONTH),
    ],
)
def test_the_unit_makes_no_more_steps_than_a_chart_can_show(length, wish, unit):
    days = DayRange(date(2026, 1, 1), date.fromordinal(date(2026, 1, 1).toordinal() + length))
    assert Unit.fitting(days, wish) == unit


def test_steps_have_no_gaps():
    days = DayRange(date(2026, 2, 27), date(2026, 3, 2))
    hours = list(Unit.HOUR.steps(days))
    assert (len(hours), hours[0]) == (72, datetime(2026, 2, 27, tzinfo=UTC))
    assert list(Unit.DAY.steps(days)) == [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]
    assert list(Unit.MONTH.steps(days)) == [date(2026, 2, 1), date(2026, 3, 1)]


def test_a_day_counts_into_its_month():
    assert Unit.MONTH.start_of(date(2026, 2, 27)) == date(2026, 2, 1)
    assert Unit.DAY.start_of(date(2026, 2, 27)) == date(2026, 2, 27)


@pytest.mark.parametrize(
    ("unit", "label"),
    [(Unit.HOUR, "Feb 7, 13:00"), (Unit.DAY, "Feb 7"), (Unit.MONTH, "February 2026")],
)
def test_steps_have_labels(unit, label):
    assert unit.label(datetime(2026, 2, 7, 13, tzinfo=UTC)) == label
