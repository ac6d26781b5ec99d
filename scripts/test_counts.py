"""Prints what `make test` ran, from pytest's reports, named as what they report on; fails where an end-to-end test was skipped."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def main(*reports: str) -> int:
    problems = []
    for report in map(Path, reports):
        name = report.stem
        if not report.exists():
            problems.append(f"{name}: no report; pytest did not finish")
            continue
        suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 (our own file)
        counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
        for suite in suites:
            counts = {key: count + int(suite.get(key, 0)) for key, count in counts.items()}
        ran = counts["tests"] - counts["skipped"]
        bad = counts["failures"] + counts["errors"]
        print(f"{name}: {ran} ran, {bad} failed, {counts['skipped']} skipped")  # noqa: T201
        if name.startswith("end to end") and (counts["skipped"] or not ran):
            problems.append(f"{name}: a test that is skipped, or none at all, proves nothing")
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
