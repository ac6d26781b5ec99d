"""Where model API requests really go, and which credential they carry there."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self
from urllib.parse import urlsplit

API_HOST = "api.anthropic.com"
OAUTH_BETA = "oauth-2025-04-20"

# Whatever an agent sends of these never leaves the gateway.
CREDENTIAL_HEADERS = ("x-api-key", "authorization", "proxy-authorization", "cookie")

# Plain segments only: no "..", no escapes, no double slash that an upstream might read otherwise.
_KEY_PATH = re.compile(r"/v1/(?:messages|models)(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
_BATCH_PATH = re.compile(r"/v1/messages/batches(?:/.*)?", re.DOTALL)


class Headers(Protocol):
    """What is used of mitmproxy's headers: case-insensitive, `get` joins repeats by a comma."""

    def get(self, key: str, default: str) -> str: ...
    def __setitem__(self, key: str, value: str) -> None: ...
    def __delitem__(self, key: str) -> None: ...
    def __contains__(self, key: object) -> bool: ...


@dataclass(frozen=True, slots=True)
class Upstream:
    """The base URL in parts; `prefix` has no final slash."""

    scheme: str
    host: str
    port: int
    prefix: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError with the reason."""
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an http:// or https:// URL with a host")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("expected no user, query or fragment")
        if not re.fullmatch(r"[!-~]*", parts.path):
            raise ValueError("expected a path without spaces or other special characters")
        default_port = 443 if parts.scheme == "https" else 80
        port = parts.port if parts.port is not None else default_port
        return cls(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_default = self.port == (443 if self.scheme == "https" else 80)
        return host if is_default else f"{host}:{self.port}"

    @property
    def is_real_api(self) -> bool:
        return self.host == API_HOST


def split_path(target: str) -> str:
    """The path of a request target without its query."""
    return target.partition("?")[0]


def takes_key(target: str) -> bool:
    return bool(_KEY_PATH.fullmatch(split_path(target))) and not is_batch(target)


def is_batch(target: str) -> bool:
    return bool(_BATCH_PATH.fullmatch(split_path(target)))


def strip_credentials(headers: Headers, names: Iterable[str] = CREDENTIAL_HEADERS) -> None:
    for name in names:
        if name in headers:
            del headers[name]


def add_credential(headers: Headers, *, api_key: str, oauth_token: str) -> None:
    """Add the site's key, or else its OAuth token together with the beta value that it needs."""
    if api_key:
        headers["x-api-key"] = api_key
    elif oauth_token:
        headers["authorization"] = f"Bearer {oauth_token}"
        betas = [part.strip() for part in headers.get("anthropic-beta", "").split(",")]
        if OAUTH_BETA not in betas:
            headers["anthropic-beta"] = ",".join([*filter(None, betas), OAUTH_BETA])
