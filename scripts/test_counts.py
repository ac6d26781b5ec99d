"""Prints what `make test` ran, from pytest's reports; fails where an end-to-end test was skipped."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def main(unit_report: str, e2e_report: str) -> int:
    problems = []
    for name, report in (("unit", unit_report), ("end to end", e2e_report)):
        if not Path(report).exists():
            problems.append(f"{name}: no report; pytest did not finish")
            continue
        suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 (our own file)
        counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
        for suite in suites:
            counts = {key: count + int(suite.get(key, 0)) for key, count in counts.items()}
        ran = counts["tests"] - counts["skipped"]
        bad = counts["failures"] + counts["errors"]
        print(f"{name}: {ran} ran, {bad} failed, {counts['skipped']} skipped")  # noqa: T201
        if name == "end to end" and (counts["skipped"] or not ran):
            problems.append("end to end: a test that is skipped, or none at all, proves nothing")
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
