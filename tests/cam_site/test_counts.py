"""`make test` must not pass where an end-to-end test was skipped."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "test_counts.py"


def count(folder, *, unit, e2e):
    reports = {folder / "unit.xml": unit, folder / "end to end.xml": e2e}
    for report, attributes in reports.items():
        if attributes:
            report.write_text(f"<testsuites><testsuite {attributes}/></testsuites>")
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, reports)],
        capture_output=True,
        text=True,
    )


def test_says_how_many_ran(tmp_path):
    done = count(
        tmp_path,
        unit='tests="9" failures="1" errors="1" skipped="2"',
        e2e='tests="3" failures="0" errors="0" skipped="0"',
    )
    assert done.returncode == 0
    assert (
        done.stdout == "unit: 7 ran, 2 failed, 2 skipped\nend to end: 3 ran, 0 failed, 0 skipped\n"
    )


@pytest.mark.parametrize("e2e", ['tests="3" skipped="1"', 'tests="0" skipped="0"', ""])
def test_fails_where_an_end_to_end_test_did_not_run(tmp_path, e2e):
    assert count(tmp_path, unit='tests="9"', e2e=e2e).returncode == 1
