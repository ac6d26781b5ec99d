"""The gateway's settings, read from the environment and checked before anything is opened."""

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metrics_app.gateway.hosts import normalise_pattern
from metrics_app.gateway.upstream import Upstream

DEFAULT_UPSTREAM_URL = "https://api.anthropic.com"


class ConfigError(ValueError):
    """An environment variable holds a value that cannot be used."""

    def __init__(self, variable: str, value: str, reason: str) -> None:
        super().__init__(f"{variable}={value[:100]!r}: {reason}")
        self.variable = variable


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """All folders are absolute; `listen_port` 0 lets the system choose."""

    data_dir: Path
    spool_dir: Path
    upstream: Upstream
    api_key: str
    oauth_token: str
    dns_servers: tuple[str, ...]
    private_hosts: tuple[str, ...]
    listen_port: int

    @property
    def policy_dir(self) -> Path:
        return self.data_dir / "gateway" / "policy"

    @property
    def budgets_path(self) -> Path:
        return self.data_dir / "gateway" / "budgets.json"

    @property
    def in_flight_dir(self) -> Path:
        return self.data_dir / "gateway" / "in-flight"

    @property
    def egress_dir(self) -> Path:
        return self.data_dir / "gateway" / "egress"

    @property
    def sockets_dir(self) -> Path:
        return self.data_dir / "gateway" / "sockets"

    @property
    def heartbeat(self) -> Path:
        """Touched while the gateway gets on with its work."""
        return self.data_dir / "gateway" / "heartbeat"

    @property
    def ca_dir(self) -> Path:
        return self.data_dir / "gateway" / "ca"

    @property
    def public_dir(self) -> Path:
        return self.data_dir / "gateway" / "public"


def read_config(environ: Mapping[str, str]) -> GatewayConfig:
    """Raises ConfigError, which names the variable, for the first value that cannot be used."""
    data_dir = Path(environ.get("CAM_DATA_DIR") or "data").resolve()
    return GatewayConfig(
        data_dir=data_dir,
        spool_dir=Path(environ.get("CAM_METRICS_DIR") or data_dir / "usage").resolve(),
        upstream=_read_upstream(environ),
        api_key=_read_secret(environ, "ANTHROPIC_API_KEY"),
        oauth_token=_read_secret(environ, "CLAUDE_CODE_OAUTH_TOKEN"),
        dns_servers=_read_dns_servers(environ),
        private_hosts=_read_private_hosts(environ),
        listen_port=_read_port(environ),
    )


def find_system_ca_bundle() -> str | None:
    """The system's certificates (`SSL_CERT_FILE` overrides them); None: mitmproxy's own copy."""
    return ssl.get_default_verify_paths().cafile


def _read_upstream(environ: Mapping[str, str]) -> Upstream:
    url = environ.get("CAM_UPSTREAM_URL") or DEFAULT_UPSTREAM_URL
    try:
        return Upstream.parse(url)
    except ValueError as exc:
        shown = url if "@" not in url else "(a URL with a password)"
        raise ConfigError("CAM_UPSTREAM_URL", shown, str(exc)) from None


def _read_secret(environ: Mapping[str, str], variable: str) -> str:
    value = environ.get(variable, "").strip() or _read_secret_file(environ, f"{variable}_FILE")
    if not value.isascii() or any(not 33 <= ord(character) <= 126 for character in value):
        raise ConfigError(variable, "(hidden)", "has characters that no key has")
    return value


def _read_secret_file(environ: Mapping[str, str], variable: str) -> str:
    path = environ.get(variable)
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except (OSError, ValueError) as exc:
        raise ConfigError(variable, path, f"cannot be read: {exc}") from None


def _split_list(environ: Mapping[str, str], variable: str) -> list[str]:
    return [part.strip() for part in environ.get(variable, "").split(",") if part.strip()]


def _read_dns_servers(environ: Mapping[str, str]) -> tuple[str, ...]:
    servers = _split_list(environ, "CAM_DNS_SERVERS")
    for server in servers:
        try:
            ipaddress.ip_address(server)
        except ValueError:
            raise ConfigError("CAM_DNS_SERVERS", server, "expected IP addresses") from None
    return tuple(servers)


def _read_private_hosts(environ: Mapping[str, str]) -> tuple[str, ...]:
    patterns = []
    for entry in _split_list(environ, "CAM_PRIVATE_HOSTS"):
        pattern = normalise_pattern(entry)
        if pattern is None:
            raise ConfigError("CAM_PRIVATE_HOSTS", entry, "expected host names or *.suffixes")
        patterns.append(pattern)
    return tuple(patterns)


def _read_port(environ: Mapping[str, str]) -> int:
    raw = environ.get("CAM_GATEWAY_PORT") or "0"
    if not raw.isdecimal() or int(raw) > 65535:
        raise ConfigError("CAM_GATEWAY_PORT", raw, "expected a port from 0 to 65535")
    return int(raw)
