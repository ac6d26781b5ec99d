from decimal import Decimal

import pytest

from metrics_app.charts import Chart, Kind, Measure, Row, number_series, pick_top, stack
from metrics_app.templatetags.charts import changed_by, measured, plain


def test_the_largest_come_first_and_equals_in_a_fixed_order():
    assert pick_top({"b": 1, "a": 1, "c": 5, "d": 0}, limit=3) == ["c", "a", "b"]


def test_steps_without_anything_are_0():
    series, rows = stack({(1, "a"): 5, (3, "a"): 7, (3, "b"): 1}, [1, 2, 3], {"a": "A", "b": "B"})
    assert [one.label for one in series] == ["A", "B"]
    assert rows == [(5, 0), (0, 0), (7, 1)]


def test_what_is_not_on_top_is_other_and_nothing_is_lost():
    values = {(step, key): key for step in (1, 2) for key in range(1, 12)}
    series, rows = stack(values, [1, 2], {key: f"k{key}" for key in range(1, 12)})
    assert [one.label for one in series][:2] == ["k11", "k10"]
    assert (series[-1].label, series[-1].colour) == ("other (3)", "other")
    assert len(series) == 9
    assert [sum(row) for row in rows] == [66, 66]


def test_a_series_keeps_its_colour_when_it_overtakes_another():
    labels = {"a": "A", "b": "B"}
    before, _ = stack({(1, "a"): 5, (1, "b"): 1}, [1], labels)
    after, _ = stack({(1, "a"): 5, (1, "b"): 9}, [1], labels)
    assert [one.label for one in after] == ["B", "A"]
    assert set(before) == set(after)


def test_nothing_makes_no_series():
    assert stack({}, [1], {}) == ((), [()])


def test_totals_are_a_column_where_rows_have_them():
    chart = Chart("c", "C", Kind.STACKED, Measure.USD, "Day", number_series(["a"]))
    assert not chart.has_totals
    assert Chart(
        "c", "C", Kind.STACKED, Measure.USD, "Day", number_series(["a"]), (Row("x", (1,), 1),)
    ).has_totals


@pytest.mark.parametrize(
    ("value", "measure", "text"),
    [
        (Decimal("12.5"), Measure.USD, "$12.50"),
        (0, Measure.USD, "$0.00"),
        (Decimal("-2.5"), Measure.USD, "-$2.5000"),
        (1_234_567, Measure.TOKENS, "1.2M"),
        (0.051, Measure.SHARE, "5.1%"),
        (1500.0, Measure.MILLISECONDS, "1.50 s"),
    ],
)
def test_numbers_are_shown_by_their_measure(value, measure, text):
    assert measured(value, measure) == text


@pytest.mark.parametrize(
    ("value", "text"), [(Decimal("1.50"), "1.5"), (Decimal("1E-10"), "0.0000000001"), (7, "7")]
)
def test_the_script_reads_plain_numbers(value, text):
    assert plain(value) == text


@pytest.mark.parametrize(
    ("change", "text"),
    [(None, "n/a"), (0.5, "+50%"), (-0.031, "-3%"), (0.0, "+0%"), (123.0, "over +999%")],
)
def test_changes_are_percentages(change, text):
    assert changed_by(change) == text
