"""The portal behind a proxy that ends TLS, as a team has it: what the proxy says is believed, and no more."""

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.e2e.stack import PASSWORD, is_ready, wait_for

HOST = "cam.example.org"
BLOCKED = "Too many failed login attempts"
THROUGH_THE_PROXY = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}


@pytest.fixture(scope="module")
def site(tmp_path_factory, make_stack):
    settings = {
        "CAM_HTTPS": "true",
        "CAM_ALLOWED_HOSTS": HOST,
        "CAM_TRUSTED_ORIGINS": f"https://{HOST}",
        "CAM_PUBLIC_URL": f"https://{HOST}",
    }
    with make_stack(tmp_path_factory.mktemp("proxied"), **settings) as stack:
        stack.prepare()
        for name in ("broker", "web"):
            stack.start(name)
        wait_for(lambda: is_ready(stack.url), seconds=60, message=stack.logs)
        yield stack


@pytest.fixture
def browser(site):
    with httpx.Client(base_url=site.url, headers=THROUGH_THE_PROXY) as client:
        yield client


def log_in(browser, *, origin=f"https://{HOST}", username="alice", password=PASSWORD):
    page = browser.get("/accounts/login/")
    token = page.headers["set-cookie"].partition("csrftoken=")[2].partition(";")[0]
    form = {"login": username, "password": password, "csrfmiddlewaretoken": token}
    headers = {
        "Origin": origin,
        "Referer": f"{origin}/accounts/login/",
        "Cookie": f"csrftoken={token}",
    }
    return browser.post("/accounts/login/", data=form, headers=headers)


def test_login_through_the_proxy_sets_cookies_for_https_alone(browser):
    answer = log_in(browser)
    assert answer.status_code == 302
    cookies = [text for name, text in answer.headers.multi_items() if name == "set-cookie"]
    assert any("session" in text for text in cookies)
    assert all("Secure" in text for text in cookies)
    assert "max-age=31536000" in answer.headers["strict-transport-security"]


def test_form_of_another_origin_is_refused(browser):
    assert log_in(browser, origin="https://evil.example").status_code == 403


def test_request_without_tls_is_sent_to_https(site):
    answer = httpx.get(f"{site.url}/accounts/login/", headers={"Host": HOST})
    assert answer.status_code == 301
    assert answer.headers["location"] == f"https://{HOST}/accounts/login/"


def test_name_of_another_site_is_refused_and_health_is_told_by_address(site):
    headers = {"X-Forwarded-Proto": "https"}
    assert httpx.get(f"{site.url}/accounts/login/", headers=headers).status_code == 400
    assert httpx.get(f"{site.url}/healthz").text == "ok\n"


@pytest.mark.parametrize(
    ("origin", "is_heard"), [(f"https://{HOST}", True), ("https://evil.example", False)]
)
def test_socket_is_for_pages_of_this_site(site, browser, origin, is_heard):
    answer = log_in(browser)
    cookie = "; ".join(
        text.partition(";")[0]
        for name, text in answer.headers.multi_items()
        if name == "set-cookie"
    )
    url = f"ws://127.0.0.1:{site.port}/ws/pages/notices/"
    headers = {"Cookie": cookie, "X-Forwarded-Proto": "https"}
    try:
        with connect(url, origin=origin, additional_headers=headers) as socket:
            socket.recv(timeout=10)
        opened = True
    except (InvalidStatus, ConnectionClosed):
        opened = False
    assert opened is is_heard


def test_passwords_are_counted_by_the_address_that_the_proxy_saw(site):
    def try_to_log_in(address, number):
        # What the client wrote itself stands before what the proxy saw.
        headers = THROUGH_THE_PROXY | {"X-Forwarded-For": f"198.51.100.{number}, {address}"}
        with httpx.Client(base_url=site.url, headers=headers) as client:
            return log_in(client, username=f"user{number}", password="wrong").text

    assert any(BLOCKED in try_to_log_in("203.0.113.99", number) for number in range(15))
    assert BLOCKED not in try_to_log_in("203.0.113.100", 99)
