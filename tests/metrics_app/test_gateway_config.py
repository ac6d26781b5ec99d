import pytest

from metrics_app.gateway.config import ConfigError, read_config
from metrics_app.gateway.refusals import RefusalLog, refuse_api
from metrics_app.gateway.upstream import (
    Upstream,
    add_credential,
    is_batch,
    strip_credentials,
    takes_key,
)


def test_an_empty_environment_means_the_real_api(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = read_config({})
    assert config.upstream == Upstream("https", "api.anthropic.com", 443, "")
    assert config.upstream.is_real_api
    assert config.spool_dir == tmp_path / "data/usage"
    assert (config.listen_port, config.dns_servers, config.private_hosts) == (0, (), ())


def test_empty_values_are_as_unset():
    names = ("CAM_UPSTREAM_URL", "CAM_METRICS_DIR", "CAM_GATEWAY_PORT", "CAM_DNS_SERVERS")
    assert read_config(dict.fromkeys(names, "")) == read_config({})


def test_lists_are_split_and_normalised():
    config = read_config(
        {"CAM_DNS_SERVERS": "9.9.9.9, 2620:fe::fe,", "CAM_PRIVATE_HOSTS": "*.Corp.test,pypi.test"}
    )
    assert config.dns_servers == ("9.9.9.9", "2620:fe::fe")
    assert config.private_hosts == ("*.corp.test", "pypi.test")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CAM_UPSTREAM_URL", "api.anthropic.com"),
        ("CAM_UPSTREAM_URL", "ftp://api.anthropic.com"),
        ("CAM_UPSTREAM_URL", "https://"),
        ("CAM_UPSTREAM_URL", "https://host:99999"),
        ("CAM_UPSTREAM_URL", "https://host/path?query"),
        ("CAM_UPSTREAM_URL", "https://host/a b"),
        ("CAM_DNS_SERVERS", "dns.google"),
        ("CAM_DNS_SERVERS", "9.9.9.9:53"),
        ("CAM_PRIVATE_HOSTS", "10.0.0.0/8"),
        ("CAM_GATEWAY_PORT", "-1"),
        ("CAM_GATEWAY_PORT", "65536"),
        ("CAM_GATEWAY_PORT", "http"),
        ("ANTHROPIC_API_KEY", "two words"),
        ("CLAUDE_CODE_OAUTH_TOKEN", "a\nb"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_variable(variable, value):
    with pytest.raises(ConfigError, match=variable) as raised:
        read_config({variable: value})
    assert raised.value.variable == variable


def test_no_secret_is_in_the_complaint():
    for environ in (
        {"ANTHROPIC_API_KEY": "secret key"},
        {"CAM_UPSTREAM_URL": "https://user:secret@host/"},
    ):
        with pytest.raises(ConfigError) as raised:
            read_config(environ)
        assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "header", "prefix"),
    [
        ("https://llm.corp.test/anthropic/", "llm.corp.test", "/anthropic"),
        ("http://127.0.0.1:8422", "127.0.0.1:8422", ""),
        ("https://host:443/", "host", ""),
        ("http://[::1]:80", "[::1]", ""),
    ],
)
def test_an_upstream_is_taken_apart(url, header, prefix):
    upstream = Upstream.parse(url)
    assert (upstream.host_header, upstream.prefix) == (header, prefix)


@pytest.mark.parametrize(
    "target",
    ["/v1/messages", "/v1/messages?beta=true", "/v1/messages/count_tokens", "/v1/models/x"],
)
def test_the_messages_and_models_take_the_key(target):
    assert takes_key(target)


@pytest.mark.parametrize(
    "target",
    [
        "/v1/messagesx",
        "/v1/messages/",
        "/v1/messages/../files",
        "/v1/messages/..",
        "/v1/messages/%2e%2e/files",
        "/v1/messages/.hidden",
        "//v1/messages",
        "/V1/messages",
        "/v1/messages\n",
        "/v1/messages;x",
        "/v1/messages#x",
        "/v1/messages/batches",
        "/v1/files",
        "/",
        "",
    ],
)
def test_nothing_else_takes_the_key(target):
    assert not takes_key(target)


def test_batches_are_known_with_all_below_them():
    assert is_batch("/v1/messages/batches/b1/results?limit=1")
    assert not is_batch("/v1/messages/batchesx")


def test_credentials_are_stripped_and_one_is_added():
    headers = {"x-api-key": "theirs", "authorization": "theirs", "accept": "text/html"}
    strip_credentials(headers)
    assert headers == {"accept": "text/html"}
    add_credential(headers, api_key="ours", oauth_token="unused")
    assert headers == {"accept": "text/html", "x-api-key": "ours"}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, "oauth-2025-04-20"),
        ({"anthropic-beta": "a-1"}, "a-1,oauth-2025-04-20"),
        ({"anthropic-beta": "oauth-2025-04-20, a-1"}, "oauth-2025-04-20, a-1"),
    ],
)
def test_a_token_brings_its_beta_along(sent, expected):
    add_credential(sent, api_key="", oauth_token="token")
    assert sent == {"authorization": "Bearer token", "anthropic-beta": expected}


def test_a_refusal_of_the_api_is_final():
    refusal = refuse_api(403, 'Say "no".')
    assert refusal.headers["x-should-retry"] == "false"
    assert b'"message": "Say \\"no\\"."' in refusal.body


def test_the_log_of_refusals_cannot_be_flooded(monkeypatch):
    written = []
    monkeypatch.setattr(
        "metrics_app.gateway.refusals.logger.info", lambda *given: written.append(given)
    )
    now = [0.0]
    log = RefusalLog(clock=lambda: now[0])
    for _ in range(100):
        log.write("noisy", "evil.test", "not allowed")
    log.write("other", "evil.test", "not allowed")
    assert len(written) == 21
    now[0] = 61.0
    log.write("noisy", "evil.test", "not allowed")
    assert len(written) == 22
