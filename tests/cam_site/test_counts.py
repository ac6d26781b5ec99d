"""`make test` must not pass where an end-to-end test was skipped."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "test_counts.py"


def read(*reports):
    command = [sys.executable, str(SCRIPT), *map(str, reports)]
    return subprocess.run(command, capture_output=True, text=True)


def count(folder, *, unit, e2e):
    reports = {folder / "unit.xml": unit, folder / "end to end.xml": e2e}
    for report, attributes in reports.items():
        if attributes:
            report.write_text(f"<testsuites><testsuite {attributes}/></testsuites>")
    return read(*reports)


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


def test_says_what_failed(tmp_path):
    report = tmp_path / "end to end.xml"
    report.write_text("""
        <testsuites><testsuite tests="3" failures="1" errors="1">
            <testcase classname="tests.test_page" name="test_opens"/>
            <testcase classname="tests.test_page" name="test_swaps[dark]">
                <failure message="assert 1 == 2&#10;  left: 1"/>
            </testcase>
            <testcase classname="tests.test_page" name="test_closes"><error/></testcase>
        </testsuite></testsuites>
    """)
    assert read(report).stdout.splitlines() == [
        "end to end: 3 ran, 2 failed, 0 skipped",
        "  tests.test_page.test_swaps[dark]: assert 1 == 2 left: 1",
        "  tests.test_page.test_closes: error",
    ]


@pytest.mark.parametrize("e2e", ['tests="3" skipped="1"', 'tests="0" skipped="0"', ""])
def test_fails_where_an_end_to_end_test_did_not_run(tmp_path, e2e):
    assert count(tmp_path, unit='tests="9"', e2e=e2e).returncode == 1
