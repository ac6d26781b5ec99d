"""Where the portal's own POSTs may go, and what it takes from who answers."""

import socket

import pytest

from agents.outbound import MAX_ANSWER_BYTES, OutboundError, Refused, check_url, post
from cam_site import env

PUBLIC_ONLY = env.reachable([])


def send(url, may_reach=PUBLIC_ONLY):
    return post(url, b"{}", {}, may_reach=may_reach)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.org",
        "ftp://hooks.example.org/",
        "file:///etc/passwd",
        "http://hooks.example.org/",
        "https://",
        "https:///path",
        "https://user:word@hooks.example.org/",
        "https://hooks.example.org/#part",
        "https://hooks.example.org:0/",
        "https://hooks.example.org:99999/",
        "https://hooks.example.org:x/",
        "https://hooks.example.org/a b",
        "https://hooks.example.org/\r\nX: y",
        "https://evil.example\\@hooks.example.org/",
        "https://[::1",
        "https://höhe.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.8/",
        "https://100.64.0.1/",
        "https://hooks.example.org/" + "x" * 1000,
    ],
)
def test_bad_address_is_refused_before_anything_is_looked_up(url):
    with pytest.raises(Refused):
        check_url(url, PUBLIC_ONLY)


def test_good_address_passes():
    assert check_url("https://hooks.example.org:8443/a?b=c", PUBLIC_ONLY).port == 8443


@pytest.mark.parametrize("url", ["https://localhost/", "https://2130706433/", "https://0x7f.1/"])
def test_name_of_a_private_address_is_refused(url):
    with pytest.raises(OutboundError):
        send(url)


@pytest.mark.parametrize("addresses", [["10.1.2.3"], ["93.184.216.34", "169.254.169.254"]])
def test_one_private_address_of_a_name_is_enough(monkeypatch, addresses):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in addresses]
    monkeypatch.setattr("agents.outbound.socket.getaddrinfo", lambda *_, **__: found)
    with pytest.raises(Refused, match="private address"):
        send("https://rebound.example.org/")


def test_connection_goes_to_the_address_that_was_checked(receiver, settings, monkeypatch):
    asked = []
    resolve = socket.getaddrinfo

    def count(host, *args, **options):
        asked.append(host)
        return resolve(host, *args, **options)

    monkeypatch.setattr("agents.outbound.socket.getaddrinfo", count)
    assert send(receiver.url, settings.CAM_MAY_NOTIFY).status == 201
    # The second look-up, of the pool itself, is of the address and not of the name.
    assert asked[0] == "localhost"
    assert "localhost" not in asked[1:]
    assert receiver.seen[0][1]["Host"].startswith("localhost:")


def test_certificate_must_be_of_the_name(receiver, monkeypatch):
    monkeypatch.setattr("agents.outbound._resolve", lambda *_: "127.0.0.1")
    with pytest.raises(OutboundError, match="SSLError"):
        send(receiver.url.replace("localhost", "hooks.example.org"))
    assert receiver.seen == []


def test_unknown_certificate_is_no_answer(receiver, settings, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(OutboundError, match="No answer from localhost"):
        send(receiver.url, settings.CAM_MAY_NOTIFY)


def test_redirect_is_not_followed(receiver, settings):
    receiver.answer(302, location=receiver.url.replace("/in", "/elsewhere"))
    assert send(receiver.url, settings.CAM_MAY_NOTIFY).status == 302
    assert [path for path, *_ in receiver.seen] == ["/in"]


def test_long_answer_is_cut(receiver, settings):
    receiver.answer(200, body=b"x" * 1_000_000)
    assert len(send(receiver.url, settings.CAM_MAY_NOTIFY).text) == MAX_ANSWER_BYTES


def test_closed_port_is_no_answer(receiver, settings):
    receiver.close()
    with pytest.raises(OutboundError, match="No answer"):
        send(receiver.url, settings.CAM_MAY_NOTIFY)


def test_name_that_nobody_has_is_no_answer():
    with pytest.raises(OutboundError, match="There is no host"):
        send("https://no-such-host.invalid/")


def test_slow_server_is_left(monkeypatch):
    monkeypatch.setattr("agents.outbound.READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://localhost:{server.getsockname()[1]}/"
        with pytest.raises(OutboundError, match="No answer"):
            send(url, env.reachable(["localhost"]))
