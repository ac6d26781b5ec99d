"""POSTs to addresses that users name, so that none of them reaches what only the portal can reach.

A name is resolved once, every address it has must be allowed, and the connection goes to the
address that was checked. No redirect is followed, and of the answer only a little is read.
"""

import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

MAX_URL_CHARACTERS = 1_000
MAX_ANSWER_BYTES = 2_000
CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0

# Whether a host may be connected to at an address.
MayReach = Callable[[str, str], bool]


class OutboundError(Exception):
    """It was not sent, or got no answer; `str()` is fit for the user who named the address."""


class Refused(OutboundError):
    """The address is not one that may be sent to."""


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def check_url(url: str, may_reach: MayReach) -> SplitResult:
    """The URL's parts; its name is looked up when something is sent. Raises Refused."""
    if len(url) > MAX_URL_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
        raise Refused(f"Expected a URL of at most {MAX_URL_CHARACTERS} plain characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise Refused("This is no URL.") from exc
    host = parts.hostname
    if parts.scheme not in ("https", "http") or not host or port == 0 or "\\" in url:
        raise Refused("Expected a URL that starts with https://.")
    if parts.username is not None or parts.fragment:
        raise Refused("Expected no user, password or fragment in the URL.")
    if _is_address(host) and not may_reach(host, host):
        raise Refused("The address is a private one.")
    # An empty address is never public: what remains are the hosts that the site lists.
    if parts.scheme == "http" and not may_reach(host, ""):
        raise Refused("Expected https://: plain http is only for hosts that this site lists.")
    return parts


def post(url: str, body: bytes, headers: Mapping[str, str], *, may_reach: MayReach) -> Answer:
    """Raises Refused, or OutboundError where nobody answers."""
    parts = check_url(url, may_reach)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with _pool(parts.scheme, host, port, _resolve(host, port, may_reach)) as pool:
        try:
            response = pool.urlopen(
                "POST",
                path,
                body=body,
                headers={**headers, "Host": parts.netloc},
                redirect=False,
                retries=False,
                preload_content=False,
            )
            text = response.read(MAX_ANSWER_BYTES, decode_content=False)
            response.close()
        except (HTTPError, OSError, ValueError) as exc:
            raise OutboundError(f"No answer from {host}: {_reason(exc)}") from exc
    return Answer(response.status, text.decode("utf-8", errors="replace"))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _resolve(host: str, port: int, may_reach: MayReach) -> str:
    """The address to connect to."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise OutboundError(f"There is no host {host[:100]}.") from exc
    addresses = [str(address[0]) for *_, address in found]
    for address in addresses:
        if not may_reach(host, address):
            raise Refused(
                f"{host[:100]} has the private address {address}, and this site does not list it."
            )
    return addresses[0]


def _pool(scheme: str, host: str, port: int, address: str) -> urllib3.HTTPConnectionPool:
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    if scheme == "http":
        return urllib3.HTTPConnectionPool(address, port, timeout=timeout)
    return urllib3.HTTPSConnectionPool(
        address,
        port,
        timeout=timeout,
        ssl_context=ssl.create_default_context(),
        server_hostname=host,
        assert_hostname=host,
    )


def _reason(exc: Exception) -> str:
    """The kind of error; its text may quote what the other side sent."""
    return type(exc).__name__
