"""Environment values, checked where they are read: a wrong one stops the start and names its variable."""

import json
import os
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from email.utils import parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from metrics_app.gateway.hosts import host_matches, is_public_address, normalise_pattern
from metrics_app.gateway.upstream import Upstream

T = TypeVar("T")

env = environ.Env()

# By scheme: as it is, STARTTLS, TLS from the first byte.
MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
MAIL_SERVER_EXPECTED = (
    "CAM_EMAIL_URL: expected consolemail://, or smtp://, smtp+tls:// or smtp+ssl:// with "
    "user:password@host:port. Write other characters than letters and digits of user and password "
    "as %40 for @, %2F for / and so on"
)


def read(name: str, parse: Callable[[str], T], default: str) -> T:
    """Parse variable `name`, else what the file says that `name`_FILE names, else `default`.

    Unset and empty are the same. Raises ImproperlyConfigured that names the variable and quotes at most
    100 characters of its value.
    """
    raw = env.str(name, default="") or read_file(f"{name}_FILE") or default
    try:
        return parse(raw)
    except (ValueError, OverflowError) as exc:
        raise ImproperlyConfigured(f"{name}={raw[:100]!r}: {exc}") from exc


def read_file(name: str) -> str:
    """What the file holds whose path variable `name` has: how containers are given secrets."""
    path = env.str(name, default="")
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except (OSError, ValueError) as exc:
        raise ImproperlyConfigured(f"{name}={path[:100]!r}: cannot be read: {exc}") from exc


def text(raw: str) -> str:
    return raw


def boolean(raw: str) -> bool:
    lowered = raw.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise ValueError("expected true or false")


def integer(*, at_least: int, at_most: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        try:
            value = int(raw)
        except ValueError:
            value = at_least - 1
        if not at_least <= value <= at_most:
            raise ValueError(f"expected a whole number from {at_least} to {at_most}")
        return value

    return parse


def number(*, at_least: float, at_most: float) -> Callable[[str], float]:
    def parse(raw: str) -> float:
        try:
            value = float(raw)
        except ValueError:
            value = at_least - 1
        if not at_least <= value <= at_most:
            raise ValueError(f"expected a number from {at_least} to {at_most}")
        return value

    return parse


def decimal(*, at_least: Decimal, at_most: Decimal) -> Callable[[str], Decimal]:
    def parse(raw: str) -> Decimal:
        try:
            value = Decimal(raw)
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or not at_least <= value <= at_most:
            raise ValueError(f"expected a number from {at_least} to {at_most}")
        return value

    return parse


def words(raw: str) -> list[str]:
    """A comma-separated list; commas inside parentheses do not separate."""
    items: list[str] = []
    depth, current = 0, ""
    for character in raw:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            break
        if character == "," and depth == 0:
            items.append(current.strip())
            current = ""
        else:
            current += character
    if depth != 0:
        raise ValueError("parentheses do not match")
    items.append(current.strip())
    return [item for item in items if item]


def some_words(raw: str) -> list[str]:
    """A list as `words` reads it that must not be empty."""
    items = words(raw)
    if not items:
        raise ValueError("expected at least one entry")
    return items


def model_names(raw: str) -> list[str]:
    """Names as the model API has them, and so as an argument of the CLI."""
    names = some_words(raw)
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/@\[\]-]{0,99}", name):
            raise ValueError(f"{name[:100]!r} is no model's name")
    return names


def matching(pattern: str, expected: str) -> Callable[[str], str]:
    """A text that is all of the regular expression `pattern`; `expected` says so in words."""

    def parse(raw: str) -> str:
        if not re.fullmatch(pattern, raw):
            raise ValueError(f"expected {expected}")
        return raw

    return parse


def choice(*allowed: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if raw not in allowed:
            raise ValueError(f"expected one of {', '.join(allowed)}")
        return raw

    return parse


def absolute_path(raw: str) -> Path:
    path = Path(raw).expanduser()
    if not path.is_absolute():
        raise ValueError("expected an absolute path")
    return path


def path_under(base: Path) -> Callable[[str], Path]:
    """A path; a relative one is taken from `base`. Links stay: a venv's python is one."""
    return lambda raw: Path(os.path.abspath(base / Path(raw).expanduser()))


def json_file(base: Path) -> Callable[[str], Path]:
    """The path of a file that holds a JSON object."""

    def parse(raw: str) -> Path:
        path = path_under(base)(raw)
        if not path.is_file():
            raise ValueError("no such file")
        try:
            is_object = isinstance(json.loads(path.read_bytes()), dict)
        except (OSError, ValueError) as exc:
            raise ValueError(f"not a readable JSON file: {exc}") from exc
        if not is_object:
            raise ValueError("the file holds no JSON object")
        return path

    return parse


def directories(raw: str) -> list[Path]:
    return [absolute_path(word) for word in words(raw)]


def url(*schemes: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        parts = urlsplit(raw)
        if parts.scheme not in schemes or not (parts.netloc or parts.path):
            raise ValueError(
                f"expected a URL that starts with {' or '.join(s + '://' for s in schemes)}"
            )
        return raw

    return parse


def model_api(raw: str) -> str:
    """A base URL, as the gateway reads it."""
    Upstream.parse(raw)
    return raw


def secret(raw: str) -> str:
    """A key as the gateway takes it. It is in no message."""
    if any(not 33 <= ord(character) <= 126 for character in raw.strip()):
        raise ImproperlyConfigured(
            "ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN: one has characters that no key has"
        )
    return raw.strip()


def host_patterns(raw: str) -> list[str]:
    """Host names, and `*.suffix` for every name below one."""
    patterns = []
    for word in words(raw):
        pattern = normalise_pattern(word)
        if pattern is None:
            raise ValueError(f"{word!r} is neither a host name nor *.suffix")
        patterns.append(pattern)
    return patterns


def reachable(private_hosts: list[str]) -> Callable[[str, str], bool]:
    """Whether a host may be connected to at this address: public ones, and those of `private_hosts`."""
    return lambda host, address: (
        is_public_address(address) or host_matches(host.lower().removesuffix("."), private_hosts)
    )


def vapid_key(raw: str) -> str:
    """A P-256 private key: 32 bytes in URL-safe base64. It is in no message."""
    if raw and not re.fullmatch(r"[A-Za-z0-9_-]{43}=?", raw):
        raise ImproperlyConfigured(
            "CAM_VAPID_PRIVATE_KEY: expected 32 bytes in URL-safe base64, 43 characters"
        )
    return raw


def encryption_keys(raw: str) -> list[str]:
    """Random texts, the newest first. They are in no message."""
    keys = [key.strip() for key in raw.split(",") if key.strip()]
    if any(len(key) < 32 for key in keys):
        raise ImproperlyConfigured("CAM_ENCRYPTION_KEYS: each needs at least 32 random characters")
    return keys


def ip_addresses(raw: str) -> list[str]:
    return [str(ip_address(word)) for word in words(raw)]


def origin(raw: str) -> str:
    """A scheme and a host such as `https://cam.example.org`, without a path."""
    parts = urlsplit(raw)
    has_more = parts.path or parts.query or parts.fragment or parts.username is not None
    if parts.scheme not in {"http", "https"} or not parts.hostname or has_more:
        raise ValueError(f"{raw!r} is no origin such as https://cam.example.org")
    return raw


def origins(raw: str) -> list[str]:
    return [origin(word) for word in words(raw)]


def mail_server(raw: str) -> dict[str, Any]:
    """Django's EMAIL_ settings out of a URL. The URL holds a password: it is in no message."""
    try:
        parts = urlsplit(raw)
        port = parts.port or MAIL_PORTS.get(parts.scheme)
    except ValueError as exc:
        raise ImproperlyConfigured(MAIL_SERVER_EXPECTED) from exc
    is_server = parts.scheme in MAIL_PORTS and bool(parts.hostname)
    has_more = parts.path.strip("/") or parts.query or parts.fragment
    is_login = bool(parts.username) == bool(parts.password)
    if not (is_server or raw == "consolemail://") or has_more or not is_login:
        raise ImproperlyConfigured(MAIL_SERVER_EXPECTED)
    config: dict[str, Any] = environ.Env.email_url_config(raw)
    return config | {"EMAIL_PORT": port}


def mail_sender(raw: str) -> str:
    """An address, or a name with an address: `CAM <cam@example.org>`."""
    name, address = parseaddr(raw)
    has_strange_parts = not raw.isprintable() or (name and not raw.endswith(f"<{address}>"))
    try:
        validate_email(address)
    except ValidationError as exc:
        raise ValueError("expected an address, or a name <and an address>") from exc
    if has_strange_parts or (not name and raw != address):
        raise ValueError("expected an address, or a name <and an address>")
    return raw
