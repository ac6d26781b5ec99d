import pytest

from metrics_app.histogram import (
    BUCKETS,
    FIRST_BYTE_BOUNDS_MS,
    TOTAL_BOUNDS_MS,
    bucket_of,
    estimate_percentile,
)

BOUNDS = (100, 200, 400)


def test_both_latencies_have_the_same_number_of_buckets():
    assert len(FIRST_BYTE_BOUNDS_MS) == len(TOTAL_BOUNDS_MS) == BUCKETS - 1
    assert list(FIRST_BYTE_BOUNDS_MS) == sorted(set(FIRST_BYTE_BOUNDS_MS))
    assert list(TOTAL_BOUNDS_MS) == sorted(set(TOTAL_BOUNDS_MS))


@pytest.mark.parametrize(
    ("milliseconds", "bucket"), [(0, 0), (100, 0), (100.1, 1), (400, 2), (401, 3), (1e9, 3)]
)
def test_a_bound_belongs_to_the_bucket_that_it_ends(milliseconds, bucket):
    assert bucket_of(milliseconds, BOUNDS) == bucket


@pytest.mark.parametrize(
    ("counts", "percent", "value"),
    [
        ((4, 0, 0, 0), 50, 50.0),
        ((0, 4, 0, 0), 50, 150.0),
        ((1, 1, 2, 0), 95, 400.0),
        ((99, 0, 1, 0), 50, 100 * 50 / 99),
        ((0, 0, 0, 7), 50, 400.0),
        ((0, 0, 1, 0), 1, 400.0),
    ],
)
def test_a_percentile_lies_in_the_bucket_of_its_rank(counts, percent, value):
    assert estimate_percentile(counts, BOUNDS, percent) == pytest.approx(value)


def test_nothing_counted_has_no_percentile():
    assert estimate_percentile((0, 0, 0, 0), BOUNDS, 50) is None
