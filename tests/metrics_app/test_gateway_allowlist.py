import dataclasses

import pytest

from metrics_app.gateway.allowlist import Target, refuse_connect, refuse_request
from metrics_app.gateway.hosts import (
    host_matches,
    is_public_address,
    normalise_host,
    normalise_pattern,
)
from metrics_app.gateway.policy import Policy

POLICY = Policy("agent", ("pypi.org", "*.pythonhosted.org"), "site", None, None, None)
TARGET = Target("https", "pypi.org", 443, ("pypi.org",), is_tls=True, sni="pypi.org")
PLAIN = Target("http", "pypi.org", 80, ("pypi.org:80",), is_tls=False, sni=None)
API = Target("https", "api.anthropic.com", 443, ("api.anthropic.com",), True, "api.anthropic.com")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("PyPI.org.", "pypi.org"),
        ("localhost", "localhost"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a_b.example", "a_b.example"),
    ],
)
def test_names_have_a_normal_form(host, name):
    assert normalise_host(host) == name


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "[::1]",
        "::1",
        "a..b",
        "-a.org",
        "a b.org",
        "pypi.org\n",
        "pypi.org..",
        "user@pypi.org",
        "pypi.org:443",
        "b\u00fccher.example",
        "pypi\u3002org",
        "a" * 64 + ".org",
        "a." * 127 + "org",
    ],
)
def test_what_is_no_name_is_refused(host):
    assert normalise_host(host) is None
    assert refuse_connect(host, 443, POLICY)


def test_a_star_covers_what_is_below_and_only_that():
    assert host_matches("files.pythonhosted.org", POLICY.allowed_hosts)
    assert host_matches("a.b.pythonhosted.org", POLICY.allowed_hosts)
    for host in ("pythonhosted.org", "evilpythonhosted.org", "pythonhosted.org.evil.test"):
        assert not host_matches(host, POLICY.allowed_hosts)


@pytest.mark.parametrize("pattern", ["*", "*.", "*.*.org", "a.*", "**.org", "*org", "", "1.2.3.4"])
def test_other_patterns_are_none(pattern):
    assert normalise_pattern(pattern) is None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.17.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "ff02::1",
        "nonsense",
    ],
)
def test_private_addresses_are_not_public(address):
    assert not is_public_address(address)


@pytest.mark.parametrize(
    "address", ["151.101.0.223", "2a04:4e42::223", "::ffff:151.101.0.223", "64:ff9b::9765:df"]
)
def test_public_addresses_are(address):
    assert is_public_address(address)


def test_listed_hosts_and_the_model_api_are_connected_to():
    assert refuse_connect("pypi.org", 443, POLICY) is None
    assert refuse_connect("pypi.org", 80, POLICY) is None
    assert refuse_connect("API.Anthropic.com.", 443, None) is None


@pytest.mark.parametrize(
    ("host", "port", "policy"),
    [
        ("evil.test", 443, POLICY),
        ("pypi.org", 22, POLICY),
        ("pypi.org", 443, None),
        ("api.anthropic.com", 80, POLICY),
    ],
)
def test_other_tunnels_are_refused(host, port, policy):
    assert refuse_connect(host, port, policy)


@pytest.mark.parametrize("target", [TARGET, PLAIN, API])
def test_consistent_requests_pass(target):
    assert refuse_request(target, POLICY) is None


def test_the_model_api_passes_without_a_policy_to_be_answered_in_its_own_form():
    assert refuse_request(API, None) is None
    assert refuse_request(TARGET, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"host_headers": ("evil.test",)},
        {"host_headers": ("pypi.org", "evil.test")},
        {"host_headers": ("pypi.org:443@evil.test",)},
        {"host_headers": ("",)},
        {"sni": "evil.test"},
        {"sni": None},
        {"scheme": "http"},
        {"port": 80},
        {"port": 8443},
        {"is_tls": False},
        {"host": "evil.test", "host_headers": ("evil.test",), "sni": "evil.test"},
    ],
)
def test_requests_that_contradict_themselves_are_refused(changes):
    assert refuse_request(dataclasses.replace(TARGET, **changes), POLICY)


def test_plain_http_to_the_model_api_is_refused():
    target = Target("http", "api.anthropic.com", 80, ("api.anthropic.com",), False, None)
    assert refuse_request(target, POLICY)
