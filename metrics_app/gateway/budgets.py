"""What may still be spent, as the portal wrote it: one JSON file, replaced whole. Pure but for its reading."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal, cast, get_args

from metrics_app.gateway.policy import Policy, Signature

logger = logging.getLogger("cam.gateway")

BUDGETS_VERSION = 1
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_USD = Decimal(1_000_000_000)
MAX_TOKENS = 100_000_000
MILLION = Decimal(1_000_000)
MAX_MESSAGE_CHARACTERS = 1000

Scope = Literal["everyone", "user", "workspace"]
Usage = Mapping[str, Any]


class BudgetsError(ValueError):
    """A budgets file that does not say what may be spent."""


@dataclass(frozen=True, slots=True)
class Rates:
    """USD for a million tokens."""

    input: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    cache_read: Decimal
    output: Decimal

    def cost_of(self, usage: Usage) -> Decimal:
        """Near the ledger's: it decides only until the ledger's own is there."""
        written = _count(usage, "cache_creation_input_tokens")
        split = usage.get("cache_creation")
        for_an_hour = _count(split, "ephemeral_1h_input_tokens")
        for_an_hour = min(for_an_hour, written)
        return (
            _count(usage, "input_tokens") * self.input
            + (written - for_an_hour) * self.cache_write_5m
            + for_an_hour * self.cache_write_1h
            + _count(usage, "cache_read_input_tokens") * self.cache_read
            + _count(usage, "output_tokens") * self.output
        ) / MILLION


@dataclass(frozen=True, slots=True)
class Budget:
    """`spent_usd` is what the ledger knew when the file was written, of the period that it tells."""

    scope: Scope
    user_id: int | None
    workspace: str | None
    limit_usd: Decimal
    spent_usd: Decimal
    starts_at: datetime
    resets_at: datetime
    message: str

    def covers(self, policy: Policy) -> bool:
        match self.scope:
            case "everyone":
                return True
            case "user":
                return policy.user_id is not None and policy.user_id == self.user_id
            case "workspace":
                return policy.workspace is not None and policy.workspace == self.workspace


@dataclass(frozen=True, slots=True)
class Budgets:
    """The whole file. `ingested` tells how many bytes of which spool files `spent_usd` contains."""

    hold_usd: Decimal
    ingested: Mapping[str, int]
    rates: Mapping[str, Rates]
    budgets: tuple[Budget, ...]

    def has_ingested(self, name: str, end: int) -> bool:
        """Whether the ledger has read a spool file so far; one older than all it knows is gone."""
        if name in self.ingested:
            return self.ingested[name] >= end
        return bool(self.ingested) and name < min(self.ingested)

    def cost_of(self, model: str | None, usage: Usage | None) -> Decimal:
        """Of a call that has ended: nothing without usage, the dearest price without a known one."""
        if usage is None:
            return Decimal(0)
        if rates := self.rates.get(model or "") or self._dearest:
            return rates.cost_of(usage)
        return self.hold_usd

    @property
    def _dearest(self) -> Rates | None:
        if not self.rates:
            return None
        names = Rates.__dataclass_fields__
        known = self.rates.values()
        return Rates(**{name: max(getattr(rates, name) for rates in known) for name in names})


def parse_budgets(raw: bytes) -> Budgets:
    """Raises BudgetsError unless all of it is understood. Fields that it does not know pass."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise BudgetsError(f"not JSON: {exc}"[:200]) from exc
    if not isinstance(data, dict) or data.get("version") != BUDGETS_VERSION:
        raise BudgetsError(f"expected an object of version {BUDGETS_VERSION}")
    return Budgets(
        hold_usd=_usd(data, "hold_usd"),
        ingested={
            name: _whole(offset, "ingested") for name, offset in _object(data, "ingested").items()
        },
        rates={name: _parse_rates(rates) for name, rates in _object(data, "rates").items()},
        budgets=tuple(_parse_budget(entry) for entry in _list(data, "budgets")),
    )


def _parse_rates(value: object) -> Rates:
    return Rates(**{name: _usd(value, name) for name in Rates.__dataclass_fields__})


def _parse_budget(value: object) -> Budget:
    if not isinstance(value, dict) or value.get("scope") not in get_args(Scope):
        raise BudgetsError("a budget without a known scope")
    scope = cast(Scope, value["scope"])
    workspace, message = value.get("workspace"), value.get("message")
    if scope == "workspace" and not isinstance(workspace, str):
        raise BudgetsError("a workspace's budget without its workspace")
    if not isinstance(message, str):
        raise BudgetsError("a budget without a message")
    return Budget(
        scope=scope,
        user_id=_whole(value.get("user_id"), "user_id") if scope == "user" else None,
        workspace=workspace if scope == "workspace" else None,
        limit_usd=_usd(value, "limit_usd"),
        spent_usd=_usd(value, "spent_usd"),
        starts_at=_moment(value, "starts_at"),
        resets_at=_moment(value, "resets_at"),
        message=message[:MAX_MESSAGE_CHARACTERS],
    )


def _object(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    if not isinstance(value, dict):
        raise BudgetsError(f"{name} is no object")
    return value


def _list(data: Mapping[str, Any], name: str) -> list[Any]:
    value = data.get(name)
    if not isinstance(value, list):
        raise BudgetsError(f"{name} is no list")
    return value


def _usd(data: object, name: str) -> Decimal:
    value = data.get(name) if isinstance(data, dict) else None
    try:
        amount = Decimal(value) if isinstance(value, str) and len(value) < 50 else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite() or not 0 <= amount <= MAX_USD:
        raise BudgetsError(f"{name} is no amount of USD: {str(value)[:100]!r}")
    return amount


def _whole(value: object, name: str) -> int:
    if type(value) is not int or value < 0:
        raise BudgetsError(f"{name} has {str(value)[:100]!r}, no whole number")
    return value


def _moment(data: Mapping[str, Any], name: str) -> datetime:
    value = data.get(name)
    try:
        moment = datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as exc:
        raise BudgetsError(f"{name} is no time: {str(value)[:100]!r}") from exc
    if moment.tzinfo is None:
        raise BudgetsError(f"{name} lacks its time zone")
    return moment


def _count(usage: object, name: str) -> int:
    value = usage.get(name) if isinstance(usage, Mapping) else None
    return min(value, MAX_TOKENS) if type(value) is int and value > 0 else 0


class BudgetsFile:
    """The file as it was last understood; a look at it is one stat."""

    def __init__(self, path: Path, *, warn: Callable[[str], None] = logger.error) -> None:
        self._path = path
        self._warn = warn
        self._signature: Signature | None = None
        self._told = ""
        self.is_unreadable = False
        self.budgets: Budgets | None = None

    def refresh(self) -> bool:
        """Read it if it changed; whether there is something new. A bad file leaves all as it is."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            is_news = self.budgets is not None or self.is_unreadable
            self._signature, self.budgets, self.is_unreadable = None, None, False
            return is_news
        except OSError:
            return False
        signature = (status.st_mtime_ns, status.st_ino, status.st_size)
        if signature == self._signature:
            return False
        self._signature = signature
        return self._load()

    def _load(self) -> bool:
        try:
            with self._path.open("rb") as file:
                raw = file.read(MAX_FILE_BYTES + 1)
            if len(raw) > MAX_FILE_BYTES:
                raise BudgetsError(f"larger than {MAX_FILE_BYTES} bytes")
            self.budgets = parse_budgets(raw)
        except (OSError, BudgetsError) as exc:
            if isinstance(exc, OSError):
                self._signature = None  # nothing is wrong with the file: try again
            self.is_unreadable = self.budgets is None
            so = "new calls are refused" if self.is_unreadable else "the one before stays in force"
            self._tell(f"budgets file {self._path} is ignored, {so}: {exc}")
            return False
        self.is_unreadable, self._told = False, ""
        return True

    def _tell(self, text: str) -> None:
        """Once: what could not be opened is tried many times."""
        if text != self._told:
            self._told = text
            self._warn(text)
