"""Prints what `make test` ran and which tests failed, from pytest's reports, named as what they report on.

Fails where an end-to-end test was skipped.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

MAX_MESSAGE = 300


def said(fault: ET.Element) -> str:
    """A message's beginning on one line."""
    return " ".join((fault.get("message") or fault.tag).split())[:MAX_MESSAGE]


def main(*reports: str) -> int:
    problems = []
    for report in map(Path, reports):
        name = report.stem
        if not report.exists():
            problems.append(f"{name}: no report; pytest did not finish")
            continue
        root = ET.parse(report).getroot()  # noqa: S314 (our own file)
        counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
        for suite in root.iter("testsuite"):
            counts = {key: count + int(suite.get(key, 0)) for key, count in counts.items()}
        ran = counts["tests"] - counts["skipped"]
        bad = counts["failures"] + counts["errors"]
        print(f"{name}: {ran} ran, {bad} failed, {counts['skipped']} skipped")  # noqa: T201
        for case in root.iter("testcase"):
            for fault in (*case.findall("failure"), *case.findall("error")):
                print(f"  {case.get('classname')}.{case.get('name')}: {said(fault)}")  # noqa: T201
        if name.startswith("end to end") and (counts["skipped"] or not ran):
            problems.append(f"{name}: a test that is skipped, or none at all, proves nothing")
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
