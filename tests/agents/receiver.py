"""An https server on this machine that remembers its POSTs, and a browser that reads pushes."""

import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid.utils import b64urldecode, b64urlencode

from agents.web_push import encode_point
from tests.certificates import write_certificate

AUTH = b"0123456789abcdef"


@dataclass
class Browser:
    """Has the keys of a subscription."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def form(self, endpoint):
        return {
            "endpoint": endpoint,
            "p256dh": encode_point(self.key.public_key()),
            "auth": b64urlencode(AUTH),
            "device": "Firefox on Linux",
        }

    def read(self, body):
        return json.loads(
            http_ece.decrypt(body, private_key=self.key, auth_secret=AUTH, version="aes128gcm")
        )


def token_of(headers):
    """The claims of a VAPID header, and the key that signed them."""
    parts = dict(part.split("=", 1) for part in headers["Authorization"].split(" ")[1].split(","))
    return json.loads(b64urldecode(parts["t"].split(".")[1].encode())), parts["k"]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        pass


class Receiver:
    """Answers `status` and `body`; `seen` are path, headers and body of each request."""

    def __init__(self, folder):
        self.certificate = folder / "receiver.pem"
        write_certificate(self.certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.seen, self.server.status, self.server.body = [], 201, b""
        self.server.location = ""
        self.url = f"https://localhost:{self.server.server_port}/in"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def seen(self):
        return self.server.seen

    def answer(self, status, *, body=b"", location=""):
        self.server.status, self.server.body, self.server.location = status, body, location

    def close(self):
        self.server.shutdown()
        self.server.server_close()
