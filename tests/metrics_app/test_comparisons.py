from datetime import UTC, date, datetime

import pytest

from metrics_app.comparisons import (
    change,
    first_day_of,
    make_periods,
    spans_by_hour,
    spent_until,
)

NOW = datetime(2026, 11, 23, 14, 40, tzinfo=UTC)


def at(month, day, hour=0):
    return datetime(2026, month, day, hour, tzinfo=UTC)


def test_periods_are_held_against_as_many_full_hours_of_those_before():
    today, week, month = make_periods(NOW)
    assert (today.first, today.first_before, today.end_before) == (
        date(2026, 11, 23),
        date(2026, 11, 22),
        at(11, 22, 14),
    )
    assert (week.first, week.first_before, week.end_before) == (
        date(2026, 11, 17),
        date(2026, 11, 10),
        at(11, 16, 14),
    )
    assert (month.first, month.first_before, month.end_before) == (
        date(2026, 11, 1),
        date(2026, 10, 1),
        at(10, 23, 14),
    )


def test_periods_say_what_they_are_held_against():
    befores = [period.before for period in make_periods(NOW)]
    assert befores == ["yesterday until 14:00", "the 7 days before", "October until then"]


@pytest.mark.parametrize("day", [29, 30, 31])
def test_a_shorter_month_before_counts_whole(day):
    assert make_periods(at(3, day, 5))[2].end_before == at(3, 1)


def test_in_january_the_month_before_is_december():
    month = make_periods(datetime(2027, 1, 2, 3, tzinfo=UTC))[2]
    assert (month.first_before, month.end_before) == (date(2026, 12, 1), at(12, 2, 3))


def test_hours_are_needed_of_the_days_that_are_cut():
    periods = make_periods(NOW)
    assert spans_by_hour(periods, NOW) == [
        (at(10, 23), at(10, 23, 14)),
        (at(11, 16), at(11, 16, 14)),
        (at(11, 22), at(11, 22, 14)),
        (at(11, 23), at(11, 23, 14)),
    ]
    assert first_day_of(periods) == date(2026, 10, 1)


def test_at_midnight_no_day_is_cut():
    midnight = at(11, 23)
    assert spans_by_hour(make_periods(midnight), midnight) == []


def test_whole_days_and_the_hours_of_the_last_one_add_up():
    days = {date(2026, 11, 21): 1000, date(2026, 11, 22): 100, date(2026, 11, 23): 99}
    hours = {at(11, 22, 13): 7, at(11, 23, 12): 1, at(11, 23, 13): 2, at(11, 23, 14): 4}
    assert spent_until(days, hours, date(2026, 11, 22), at(11, 23, 14)) == 103
    assert spent_until(days, hours, date(2026, 11, 23), at(11, 23)) == 0


@pytest.mark.parametrize(
    ("now", "before", "expected"), [(15, 10, 0.5), (0, 10, -1.0), (5, 0, None), (0, 0, None)]
)
def test_change_against_nothing_is_nothing(now, before, expected):
    assert change(now, before) == expected
