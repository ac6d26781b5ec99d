"""Decides whether a request may pass, from what the client said in CONNECT, SNI, Host and URL."""

import re
from dataclasses import dataclass

from metrics_app.gateway.hosts import normalise_host
from metrics_app.gateway.policy import Policy
from metrics_app.gateway.upstream import API_HOST

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Target:
    """A request as the proxy sees it. `host` is that of CONNECT, or the URL's outside a tunnel."""

    scheme: str
    host: str
    port: int
    host_headers: tuple[str, ...]
    is_tls: bool
    sni: str | None

    @property
    def is_api(self) -> bool:
        return normalise_host(self.host) == API_HOST


def refuse_connect(host: str, port: int, policy: Policy | None) -> str | None:
    """Why no tunnel may be opened, or None.

    One to the model API always may: refusals in it take a form that its client can show.
    """
    name = normalise_host(host)
    if name == API_HOST and port == _PORTS["https"]:
        return None
    if port not in _PORTS.values():
        return f"port {port} is not allowed, only 443 and 80 are"
    return _refuse_host(host, name, policy)


def refuse_request(target: Target, policy: Policy | None) -> str | None:
    """Why a request may not pass, or None. Says nothing on the policy of the model API itself."""
    name = normalise_host(target.host)
    if _PORTS.get(target.scheme) != target.port or (target.scheme == "https") != target.is_tls:
        return f"{target.scheme} to port {target.port} is not allowed"
    if any(_host_of(header) != name for header in target.host_headers):
        return "the Host header is not the host that was connected to"
    if target.is_tls and (target.sni is None or normalise_host(target.sni) != name):
        return "the TLS server name is not the host that was connected to"
    if name == API_HOST:
        return None if target.is_tls else "the model API is reached by https only"
    return _refuse_host(target.host, name, policy)


def _host_of(header: str) -> str | None:
    return normalise_host(re.sub(r":[0-9]*$", "", header.strip()))


def _refuse_host(host: str, name: str | None, policy: Policy | None) -> str | None:
    if name is None:
        return f"{host[:100]!r} is not a host name; addresses are not allowed"
    if policy is None:
        return "this agent has no valid policy"
    if not policy.allows_host(name):
        return f"{name} is not on this agent's list of allowed hosts"
    return None
