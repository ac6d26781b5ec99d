"""What a name resolves to decides too: own DNS servers, private addresses, the upstream's certificate.

Web servers listen on port 80 and DNS servers on port 53, so two tests need the right to bind them.
"""

import http.server
import socket
import socketserver
import ssl
import struct
import threading

import pytest

from tests.certificates import write_certificate
from tests.e2e.gateway_process import GatewayProcess, Upstream

PAGE = b"the mirror's page"


@pytest.fixture
def make_gateway(tmp_path):
    started = []

    def make(**environment):
        started.append(GatewayProcess(tmp_path / f"data-{len(started)}", **environment).start())
        return started[-1]

    yield make
    for process in started:
        process.stop()


def serve(server):
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


@pytest.fixture
def mirror():
    """A web server at port 80 of this machine; `seen` are the requests that reached it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.seen.append((self.path, dict(self.headers)))
            self.send_response(200)
            self.send_header("content-length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, *_):
            pass

    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 80), Handler)
    except OSError as exc:
        pytest.skip(f"port 80: {exc}")
    server.seen = []
    yield serve(server)
    server.shutdown()
    server.server_close()


@pytest.fixture
def names():
    """A DNS server at port 53 that knows these names."""
    known = {"mirror.test": "127.0.0.1", "metadata.test": "169.254.169.254"}

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            query, connection = self.request
            connection.sendto(answer_query(query, known), self.client_address)

    try:
        server = socketserver.UDPServer(("127.0.0.1", 53), Handler)
    except OSError as exc:
        pytest.skip(f"port 53: {exc}")
    yield serve(server)
    server.shutdown()
    server.server_close()


def answer_query(query, known):
    """One A record for a known name, no such name otherwise."""
    labels, at = [], 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode().lower())
        at += 1 + length
    question = query[12 : at + 5]
    address = known.get(".".join(labels))
    is_found = address is not None and question[-4:-2] == b"\0\1"
    flags = 0x8580 if address else 0x8583
    head = query[:2] + struct.pack(">HHHHH", flags, 1, int(is_found), 0, 0)
    record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4)
    return head + question + (record + socket.inet_aton(address) if is_found else b"")


def get_plainly(agent, url):
    """Status and body of an http:// request through the proxy, as curl makes it."""
    host = url.split("/")[2]
    raw = agent.connect()
    raw.sendall(f"GET {url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    with raw.makefile("rb") as file:
        response = file.read()
    return int(response.split()[1]), response


def test_a_listed_host_is_reached_by_the_configured_dns(make_gateway, mirror, names):
    gateway = make_gateway(CAM_DNS_SERVERS="127.0.0.1", CAM_PRIVATE_HOSTS="mirror.test")
    agent = gateway.add_agent(allowed_hosts=["mirror.test", "metadata.test", "unknown.test"])
    status, response = get_plainly(agent, "http://mirror.test/simple/")
    assert (status, response.endswith(PAGE)) == (200, True)
    assert mirror.seen[0][0] == "/simple/"
    assert get_plainly(agent, "http://unknown.test/")[0] == 502
    assert len(mirror.seen) == 1


def test_a_listed_host_with_a_private_address_is_refused(make_gateway, mirror, names):
    gateway = make_gateway(CAM_DNS_SERVERS="127.0.0.1")
    agent = gateway.add_agent(allowed_hosts=["mirror.test", "metadata.test"])
    for host in ("mirror.test", "metadata.test"):
        status, response = get_plainly(agent, f"http://{host}/latest/meta-data/")
        assert (status, b"private address" in response) == (502, True)
    assert mirror.seen == []


@pytest.fixture
def tls_upstream(tmp_path):
    """An https upstream with a certificate of its own, in `ca.pem`."""
    write_certificate(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem")
    server = Upstream(tls=context)
    yield server
    server.close()


def test_an_upstream_is_trusted_by_the_systems_certificates(make_gateway, tls_upstream, tmp_path):
    gateway = make_gateway(
        CAM_UPSTREAM_URL=tls_upstream.url,
        ANTHROPIC_API_KEY="sk-real",
        SSL_CERT_FILE=str(tmp_path / "ca.pem"),
    )
    assert gateway.add_agent().say("hello")[0] == 200
    assert tls_upstream.seen[0][1]["x-api-key"] == "sk-real"


def test_an_upstream_that_is_not_trusted_never_sees_the_key(make_gateway, tls_upstream):
    gateway = make_gateway(CAM_UPSTREAM_URL=tls_upstream.url, ANTHROPIC_API_KEY="sk-real")
    agent = gateway.add_agent()
    assert agent.say("hello")[0] == 502
    assert tls_upstream.seen == []
    assert "certificate" in agent.read_line()["error"]
