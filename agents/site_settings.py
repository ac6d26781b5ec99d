"""Settings that staff may change while the portal runs: a row overrides what `.env` says.

Each process keeps the rows' values, and asks for their version at most once a second.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max

from agents.errors import InvalidRequest
from agents.models import SiteSetting, SiteSettingChange

CHECK_EVERY_SECONDS = 1.0


@dataclass(frozen=True)
class Changeable:
    """`parse` is what settings.py reads the variable with; it raises ValueError."""

    label: str
    help: str
    parse: Callable[[str], Any]


@dataclass
class Store:
    """One process's copy of the rows."""

    values: dict[str, Any] = field(default_factory=dict)
    version: int | None = None
    checked_at: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> dict[str, Any]:
        if time.monotonic() - self.checked_at >= CHECK_EVERY_SECONDS:
            with self.lock:
                self._refresh()
        return self.values

    def _refresh(self) -> None:
        version = SiteSettingChange.objects.aggregate(last=Max("pk"))["last"] or 0
        if version != self.version:
            self.values = dict(_read_rows())
            self.version = version
        self.checked_at = time.monotonic()


store = Store()


def current(name: str) -> Any:
    """The value in force."""
    values = store.read()
    return values[name] if name in values else getattr(settings, name)


def changeable() -> dict[str, Changeable]:
    return {name: Changeable(*given) for name, given in settings.CAM_CHANGEABLE.items()}


def show(value: Any) -> str:
    """A value as it would be written in `.env`."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)


def change(name: str, raw: str, *, user: User) -> bool:
    """Let `raw` be the value from now on; False where it is already. Raises InvalidRequest."""
    text = raw.strip()
    try:
        value = changeable()[name].parse(text)
    except (ValueError, OverflowError) as exc:
        raise InvalidRequest(str(exc)[:200]) from exc
    return _save(name, show(value), user=user)


def reset(name: str, *, user: User) -> bool:
    """Return to what `.env` says; False where nothing was changed."""
    return _save(name, None, user=user)


def _save(name: str, text: str | None, *, user: User) -> bool:
    with transaction.atomic():
        row = SiteSetting.objects.select_for_update().filter(name=name).first()
        if (row.value if row else None) == text:
            return False
        default = show(getattr(settings, name))
        if text is None:
            SiteSetting.objects.filter(name=name).delete()
        else:
            SiteSetting.objects.update_or_create(name=name, defaults={"value": text})
        SiteSettingChange.objects.create(
            name=name,
            changed_by=user,
            before=row.value if row else default,
            after=default if text is None else text,
            is_reset=text is None,
        )
    store.checked_at = float("-inf")
    return True


def _read_rows() -> list[tuple[str, Any]]:
    """The rows that can be used: a name that may not be changed, or a value that an update made wrong, is passed over."""
    found = []
    known = changeable()
    for row in SiteSetting.objects.filter(name__in=known):
        try:
            found.append((row.name, known[row.name].parse(row.value)))
        except (ValueError, OverflowError):
            continue
    return found
