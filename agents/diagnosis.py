"""What `manage.py doctor` looks at. Other apps hang their checks in, so that none of them is imported here."""

from collections.abc import Callable
from dataclasses import dataclass


class Trouble(Exception):
    """Something is not well; `str()` says what, and what to do."""


@dataclass(frozen=True)
class Finding:
    name: str
    is_well: bool
    words: str


# By name: returns a few words where all is well. Raises Trouble.
Check = Callable[[], str]

checks: dict[str, Check] = {}


def register_check(name: str, check: Check) -> None:
    checks[name] = check


def diagnose(name: str, check: Check) -> Finding:
    """A check that fails in an unforeseen way is trouble, too, and ends no other one."""
    try:
        return Finding(name, True, check())
    except Trouble as exc:
        return Finding(name, False, str(exc))
    except Exception as exc:
        return Finding(name, False, f"could not be looked at: {type(exc).__name__}: {exc}")
