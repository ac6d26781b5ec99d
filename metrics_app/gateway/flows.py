"""What is read off mitmproxy's flows."""

import logging
from collections.abc import Callable

from mitmproxy import http

from metrics_app.gateway.allowlist import Target
from metrics_app.gateway.config import GatewayConfig
from metrics_app.gateway.upstream import add_credential, strip_credentials, takes_key

logger = logging.getLogger("cam.gateway")

# A refused request is read to its end before it is answered; the model API's own limit is 32 MB.
MAX_REFUSED_BODY_BYTES = 32 * 1024 * 1024


def read_target(flow: http.HTTPFlow) -> Target:
    request = flow.request
    return Target(
        scheme=request.scheme,
        host=request.host,
        port=request.port,
        host_headers=tuple(request.headers.get_all("host")),
        is_tls=flow.client_conn.tls_established,
        sni=flow.client_conn.sni,
    )


def _read_body_bytes(request: http.Request) -> int | None:
    """The length that the request announces; None where it announces none that can be believed."""
    if "transfer-encoding" in request.headers:
        return None
    length = request.headers.get("content-length", "0")
    return int(length) if length.isdecimal() and len(length) < 20 else None


def has_bounded_body(request: http.Request) -> bool:
    """Whether the rest of the request may be read into memory just to answer it."""
    length = _read_body_bytes(request)
    return length is not None and length <= MAX_REFUSED_BODY_BYTES


def redirect(request: http.Request, config: GatewayConfig, own_key: str = "") -> None:
    """Make a request for the model API one for the upstream, with the user's own key or the site's."""
    upstream = config.upstream
    strip_credentials(request.headers)
    if takes_key(request.path):
        add_credential(
            request.headers, api_key=own_key or config.api_key, oauth_token=config.oauth_token
        )
    request.headers["accept-encoding"] = "identity"
    request.path = upstream.prefix + request.path
    request.scheme, request.host, request.port = upstream.scheme, upstream.host, upstream.port
    request.host_header = upstream.host_header


def tap(*seers: Callable[[bytes], None]) -> Callable[[bytes], bytes]:
    """Pass bytes on unchanged and show them to all. Raising would hang the client for good."""

    def pass_on(chunk: bytes) -> bytes:
        for see in seers:
            try:
                see(chunk)
            except Exception:
                logger.exception("cannot read a chunk of %d bytes", len(chunk))
        return chunk

    return pass_on
