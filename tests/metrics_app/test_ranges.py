from datetime import UTC, date, datetime

import pytest

from metrics_app.ranges import DayRange, parse_day


def test_a_day_is_read():
    assert parse_day("2026-11-23") == date(2026, 11, 23)


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-11", "2026-1-5", "20261123", "2026-02-30", "2026-11-23T00:00", "1764000000"),
        *("1999-12-31", "2200-01-02", "0000-00-00", "٢٠٢٦-11-23", "2026-11-23\n", "\0"),
    ],
)
def test_nothing_else_is_a_day(text):
    with pytest.raises(ValueError):  # noqa: PT011
        parse_day(text)


@pytest.mark.parametrize(
    ("month", "first", "end"),
    [
        ("2026-11", date(2026, 11, 1), date(2026, 12, 1)),
        ("2026-12", date(2026, 12, 1), date(2027, 1, 1)),
        ("2028-02", date(2028, 2, 1), date(2028, 3, 1)),
    ],
)
def test_a_month_ends_where_the_next_begins(month, first, end):
    days = DayRange.parse_month(month)
    assert (days.first, days.end) == (first, end)
    assert days.is_month


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "2026-00", "2026-11-01", "11-2026"])
def test_nothing_else_is_a_month(month):
    with pytest.raises(ValueError):  # noqa: PT011
        DayRange.parse_month(month)


def test_days_begin_at_midnight_utc():
    days = DayRange(date(2026, 11, 3), date(2026, 11, 10))
    assert days.start_at == datetime(2026, 11, 3, tzinfo=UTC)
    assert days.end_at == datetime(2026, 11, 10, tzinfo=UTC)


@pytest.mark.parametrize("end", [date(2026, 11, 3), date(2026, 11, 2)])
def test_an_empty_range_is_none(end):
    with pytest.raises(ValueError, match="range is empty"):
        DayRange(date(2026, 11, 3), end)


def test_ranges_are_named():
    month, week = DayRange.parse_month("2026-11"), DayRange(date(2026, 11, 3), date(2026, 11, 10))
    assert (month.slug, str(month)) == ("2026-11", "November 2026")
    assert week.slug == "2026-11-03-until-2026-11-10"
    assert str(week) == "2026-11-03 until, and without, 2026-11-10"


def test_neighbouring_months_cross_the_year():
    assert DayRange.parse_month("2026-12").month_after == "2027-01"
    assert DayRange.parse_month("2026-01").month_before == "2025-12"
    assert DayRange(date(2026, 11, 29), date(2026, 12, 3)).month_after == "2026-12"
