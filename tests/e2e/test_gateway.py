"""The gateway as agents meet it: a real mitmdump, a real socket, a stand-in for the model API."""

import http.client
import json
import signal
import socket
import time

import pytest

from tests.e2e.gateway_process import (
    API_HOST,
    WAIT_SECONDS,
    GatewayProcess,
    TunnelRefusedError,
    Upstream,
    make_body,
    wait_until,
)

KEY = "sk-ant-the-real-one"
PLACEHOLDER = "sk-ant-placeholder"
USAGE = "usage in=1200 5m=200 1h=100 read=5000 out=77"
COUNTS = {
    "input_tokens": 1200,
    "cache_creation_input_tokens": 300,
    "cache_read_input_tokens": 5000,
    "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
    "output_tokens": 77,
    "service_tier": "standard",
}


@pytest.fixture(scope="module")
def upstream():
    server = Upstream()
    yield server
    server.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, upstream):
    # Far longer than the 107 bytes of a unix socket's address.
    folder = tmp_path_factory.mktemp("gateway") / ("long" * 30)
    process = GatewayProcess(folder, CAM_UPSTREAM_URL=upstream.url, ANTHROPIC_API_KEY=KEY).start()
    yield process
    process.stop()


@pytest.fixture
def make_gateway(tmp_path):
    started = []

    def make(**environment):
        folder = tmp_path / f"data-{len(started)}"
        started.append(GatewayProcess(folder, **environment).start())
        return started[-1]

    yield make
    for process in started:
        process.stop()


@pytest.fixture
def agent(gateway):
    return gateway.add_agent(allowed_hosts=["pypi.org", "*.example.org"])


# The way to the model API


def test_a_call_reaches_the_upstream_with_the_real_key(agent, upstream):
    agent_headers = {
        "x-api-key": PLACEHOLDER,
        "authorization": f"Bearer {PLACEHOLDER}",
        "cookie": f"session={PLACEHOLDER}",
    }
    status, _, body = agent.say("hello", headers=agent_headers)
    path, headers = upstream.seen[-1]
    assert (status, json.loads(body)["type"]) == (200, "message")
    assert path == "/corporate/v1/messages"
    assert headers["x-api-key"] == KEY
    assert headers["Host"] == upstream.url.split("/")[2]
    assert PLACEHOLDER not in str(headers)


@pytest.mark.parametrize(
    "path",
    [
        "/api/claude_code/policy_limits",
        "/v1/files",
        "/v1/messages/../files",
        "/v1/messages/%2e%2e/files",
        "//v1/messages",
    ],
)
def test_other_paths_go_without_a_key(agent, upstream, path):
    agent.request("GET", path, headers={"x-api-key": PLACEHOLDER})
    seen_path, headers = upstream.seen[-1]
    assert seen_path == f"/corporate{path}"
    assert KEY not in str(headers)
    assert PLACEHOLDER not in str(headers)


def test_the_list_of_models_gets_the_key(agent, upstream):
    status, _, _ = agent.request("GET", "/v1/models?limit=5")
    assert status == 200
    assert upstream.seen[-1][1]["x-api-key"] == KEY


def test_an_oauth_token_goes_as_bearer_with_its_beta(make_gateway, upstream):
    gateway = make_gateway(CAM_UPSTREAM_URL=upstream.url, CLAUDE_CODE_OAUTH_TOKEN="oauth-token")
    agent = gateway.add_agent()
    agent.say("hello", headers={"x-api-key": PLACEHOLDER, "anthropic-beta": "one-1, two-2"})
    _, headers = upstream.seen[-1]
    assert headers["authorization"] == "Bearer oauth-token"
    assert headers["anthropic-beta"] == "one-1,two-2,oauth-2025-04-20"
    assert PLACEHOLDER not in str(headers)


def test_without_a_credential_the_real_api_is_not_bothered(make_gateway):
    agent = make_gateway().add_agent()
    status, headers, body = agent.say("hello")
    assert status == 403
    assert headers["x-should-retry"] == "false"
    assert "ANTHROPIC_API_KEY" in json.loads(body)["error"]["message"]


def test_one_connection_carries_several_calls(agent):
    connection = agent.open_https()
    for _ in range(3):
        connection.request("POST", "/v1/messages", json.dumps(make_body("hello")))
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["type"]) == (200, "message")
    connection.close()
    assert len(agent.read_lines(3)) == 3


def test_a_stream_is_passed_on_as_it_comes(make_gateway):
    slow = Upstream(pace=20)
    agent = make_gateway(CAM_UPSTREAM_URL=slow.url).add_agent()
    connection = agent.open_https()
    started = time.monotonic()
    connection.request("POST", "/v1/messages", json.dumps(make_body("cut", stream=True)))
    response = connection.getresponse()
    response.read1(100)
    first = time.monotonic() - started
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    total = time.monotonic() - started
    slow.close()
    assert first < 0.2
    assert total > 0.4


# What is refused, and beside it what passes


def test_only_listed_hosts_get_a_tunnel(agent):
    agent.open_tunnel("pypi.org").close()
    agent.open_tunnel("deep.example.org").close()
    for host in ("evil.test", "example.org", "pypi.org.evil.test", "127.0.0.1", "[::1]"):
        with pytest.raises(TunnelRefusedError) as refused:
            agent.open_tunnel(host)
        assert refused.value.status == 403
        assert "CAM's gateway refused this request" in refused.value.text


def test_only_web_ports_get_a_tunnel(agent):
    agent.open_tunnel("pypi.org", 80).close()
    with pytest.raises(TunnelRefusedError, match="port 22 is not allowed"):
        agent.open_tunnel("pypi.org", 22)


@pytest.mark.parametrize("header", ["evil.test", "pypi.org.evil.test", "pypi.org@evil.test"])
def test_a_forged_host_header_is_refused(agent, upstream, header):
    seen = len(upstream.seen)
    status, _, body = agent.request("GET", "/v1/models", headers={"Host": header})
    assert (status, b"Host header" in body) == (403, True)
    assert len(upstream.seen) == seen
    assert agent.request("GET", "/v1/models", headers={"Host": API_HOST})[0] == 200


def test_a_forged_server_name_is_refused(agent, upstream):
    seen = len(upstream.seen)
    connection = agent.open_https(sni="evil.test")
    connection.request("GET", "/v1/models")
    response = connection.getresponse()
    assert (response.status, b"TLS server name" in response.read()) == (403, True)
    assert len(upstream.seen) == seen


def test_a_tunnel_does_not_carry_what_is_not_http(agent):
    tunnel = agent.open_tunnel("pypi.org")
    tunnel.sendall(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
    assert tunnel.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_a_plain_request_is_checked_too(agent):
    for url in ("http://evil.test/", "https://pypi.org/", f"http://{API_HOST}/v1/models"):
        raw = agent.connect()
        host = url.split("/")[2]
        raw.sendall(f"GET {url} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        response = http.client.HTTPResponse(raw)
        response.begin()
        assert (response.status, b"gateway refused" in response.read()) == (403, True)


def test_batches_are_refused(agent, upstream):
    seen = len(upstream.seen)
    assert agent.request("GET", "/v1/messages/batches")[0] == 403
    assert len(upstream.seen) == seen
    assert agent.read_line()["kind"] == "batches"


def test_another_program_of_the_machine_may_not_use_the_port(gateway, agent):
    assert agent.say("hello")[0] == 200
    with socket.create_connection(("127.0.0.1", gateway.find_proxy_port()), timeout=5) as raw:
        raw.sendall(f"CONNECT {API_HOST}:443 HTTP/1.1\r\n\r\n".encode())
        assert read_all(raw) == b""


def read_all(raw):
    try:
        return raw.recv(1000)
    except ConnectionError:
        return b""


# Policies


def test_a_blocked_agent_is_told_why_until_it_is_unblocked(gateway, agent):
    gateway.write_policy(agent.agent_id, blocked="The budget of 5 $ is spent.")
    status, headers, body = agent.say("hello")
    assert (status, headers["x-should-retry"]) == (403, "false")
    error = json.loads(body)["error"]
    assert error == {"type": "permission_error", "message": "The budget of 5 $ is spent."}
    gateway.write_policy(agent.agent_id)
    assert agent.say("hello")[0] == 200
    assert [line["error"] for line in agent.read_lines(2)] == ["The budget of 5 $ is spent.", None]


def test_a_malformed_policy_refuses_and_names_its_file(gateway, agent):
    gateway.write_policy_text(agent.agent_id, '{"version": 1, "agent')
    status, _, body = agent.say("hello")
    assert (status, b"no valid policy" in body) == (403, True)
    with pytest.raises(TunnelRefusedError, match="no valid policy"):
        agent.open_tunnel("pypi.org")
    assert f"{agent.agent_id}.json" in gateway.read_log()
    gateway.write_policy(agent.agent_id, allowed_hosts=["pypi.org"])
    assert agent.say("hello")[0] == 200


def test_an_agent_that_never_had_a_valid_policy_has_a_socket_that_refuses(gateway, agent):
    stranger = "0d9ba1a6-5d3e-4a3c-8f4e-000000000001"
    gateway.write_policy_text(stranger, "[]")
    assert gateway.client(stranger).say("hello")[0] == 403


def test_a_removed_policy_closes_the_socket_and_its_connections(gateway, agent):
    tunnel = agent.open_tls()
    folder = gateway.socket_path(agent.agent_id).parent
    gateway.policy_path(agent.agent_id).unlink()
    wait_until(lambda: not folder.exists(), "the folder to go")
    assert read_all(tunnel) == b""


def test_a_policy_opens_its_socket_within_half_a_second(gateway):
    started = time.monotonic()
    agent = gateway.add_agent()
    assert time.monotonic() - started < 0.5
    assert gateway.socket_path(agent.agent_id).stat().st_mode & 0o777 == 0o666
    assert gateway.socket_path(agent.agent_id).parent.stat().st_mode & 0o777 == 0o755


# Usage


def test_a_whole_stream_is_one_line_with_its_usage(agent):
    session = {"X-Claude-Code-Session-Id": "s-1", "x-stainless-retry-count": "2"}
    status, headers, _ = agent.say(USAGE, stream=True, headers=session)
    line = agent.read_line()
    assert status == line["status"] == 200
    assert (line["complete"], line["streamed"], line["error"]) == (True, True, None)
    assert (line["usage"], line["uncounted_output_tokens"]) == (COUNTS, 0)
    assert line["model"] == line["requested_model"] == "claude-opus-5-5"
    assert line["request_id"] == headers["request-id"]
    assert (line["claude_session_id"], line["retry_count"]) == ("s-1", 2)
    assert 0 < line["first_byte_ms"] <= line["total_ms"]


def test_an_answer_that_is_no_stream_is_one_line_with_its_usage(agent):
    message = json.loads(agent.say(USAGE)[2])
    line = agent.read_line()
    assert (line["usage"], line["streamed"], line["complete"]) == (COUNTS, False, True)
    assert line["message_id"] == message["id"]


@pytest.mark.parametrize("fault", ["cut", "malformed", "overload"])
def test_a_broken_stream_keeps_its_known_input(agent, fault):
    try:
        agent.say(f"{fault} {USAGE}", stream=True)
    except (http.client.IncompleteRead, ConnectionError):
        assert fault == "cut"
    line = agent.read_line()
    assert (line["complete"], line["usage"]["input_tokens"]) == (False, 1200)
    assert line["uncounted_output_tokens"] > 0
    assert line["error"]


def hang_up(agent, prompt, *, after_bytes):
    """Ask for a stream, and drop the connection once so many bytes of it are there."""
    connection = agent.open_https()
    connection.request("POST", "/v1/messages", json.dumps(make_body(prompt, stream=True)))
    connection.getresponse().read(after_bytes)
    connection.sock.close()
    connection.close()


def test_an_agent_that_hangs_up_leaves_a_line(make_gateway):
    slow = Upstream(pace=200)
    agent = make_gateway(CAM_UPSTREAM_URL=slow.url).add_agent()
    hang_up(agent, f"long 3000 {USAGE}", after_bytes=5000)
    line = agent.read_line()
    slow.close()
    assert (line["complete"], line["usage"]["input_tokens"]) == (False, 1200)
    assert line["usage"]["output_tokens"] == 1
    assert line["uncounted_output_tokens"] > 20


def test_an_error_status_is_a_line_without_usage(agent):
    assert agent.say("error 429 noretry")[0] == 429
    line = agent.read_line()
    assert (line["status"], line["usage"]) == (429, None)
    assert line["error"].startswith("rate_limit_error: ")


def test_counting_tokens_is_a_line_of_its_own_kind(agent):
    assert agent.say("hello", path="/v1/messages/count_tokens?beta=true")[0] == 200
    line = agent.read_line()
    assert (line["kind"], line["path"]) == ("count_tokens", "/v1/messages/count_tokens")
    assert line["usage"] is None


def test_other_paths_are_not_noted(agent):
    agent.request("GET", "/v1/models")
    agent.say("hello")
    assert agent.read_line()["path"] == "/v1/messages"


def test_lines_are_those_of_the_socket_that_was_used(gateway, agent):
    other = gateway.add_agent()
    other.say("hello", headers={"X-Agent-Id": agent.agent_id})
    assert other.read_line()["agent_id"] == other.agent_id
    assert gateway.read_lines(agent.agent_id) == []


def test_an_upstream_that_is_down_is_a_line(make_gateway):
    agent = make_gateway(CAM_UPSTREAM_URL="http://127.0.0.1:9").add_agent()
    assert agent.say("hello")[0] == 502
    line = agent.read_line()
    assert (line["status"], line["complete"]) == (None, False)


# Faults


def test_a_killed_gateway_comes_back_at_the_same_sockets(make_gateway, upstream):
    gateway = make_gateway(CAM_UPSTREAM_URL=upstream.url)
    agent = gateway.add_agent()
    for _ in range(20):
        agent.say("hello")
    gateway.stop(signal.SIGKILL)
    assert len(gateway.read_lines()) == 20
    folder = gateway.socket_path(agent.agent_id).parent
    inode = folder.stat().st_ino
    (spooled,) = (gateway.data / "usage").iterdir()
    spooled.write_text(spooled.read_text() + '{"version": 1, "id": "to')
    gateway.start()
    assert gateway.client(agent.agent_id).say("hello")[0] == 200
    assert folder.stat().st_ino == inode
    assert len(gateway.read_lines()) == 21


def test_folders_of_agents_that_went_meanwhile_are_removed(make_gateway):
    gateway = make_gateway()
    gone = gateway.add_agent()
    stays = gateway.add_agent()
    gateway.stop(signal.SIGKILL)
    gateway.policy_path(gone.agent_id).unlink()
    gateway.start()
    gateway.client(stays.agent_id)
    wait_until(lambda: not gateway.socket_path(gone.agent_id).parent.exists(), "the removal")
    assert gateway.socket_path(stays.agent_id).exists()


def test_streams_in_flight_are_noted_when_the_gateway_is_stopped(make_gateway):
    slow = Upstream(pace=5)
    gateway = make_gateway(CAM_UPSTREAM_URL=slow.url)
    agent = gateway.add_agent()
    body = json.dumps(make_body(f"long {USAGE}", stream=True))
    connections = [agent.open_https() for _ in range(20)]
    for connection in connections:
        connection.request("POST", "/v1/messages", body)
        connection.getresponse().read1(10)
    gateway.stop(signal.SIGTERM)
    slow.close()
    lines = gateway.read_lines()
    assert len(lines) == 20
    assert {(line["complete"], line["usage"]["input_tokens"]) for line in lines} == {(False, 1200)}


@pytest.fixture
def spool_trouble(make_gateway, upstream):
    """A gateway whose spool cannot be written, and the file that is in its way."""
    gateway = make_gateway(CAM_UPSTREAM_URL=upstream.url)
    obstacle = gateway.data / "usage"
    obstacle.rmdir()
    obstacle.write_text("in the way")
    return gateway, obstacle


def test_an_answer_waits_for_its_line_but_not_for_ever(spool_trouble):
    gateway, obstacle = spool_trouble
    agent = gateway.add_agent()
    started = time.monotonic()
    assert agent.say("hello")[0] == 200
    assert 1.5 < time.monotonic() - started < 4
    obstacle.unlink()
    assert agent.read_line()["status"] == 200


def test_lines_that_cannot_be_written_in_the_end_are_in_the_log(spool_trouble):
    gateway, _ = spool_trouble
    agent = gateway.add_agent()
    agent.say(USAGE)
    gateway.stop(signal.SIGTERM)
    assert "usage line not written" in gateway.read_log()
    assert agent.agent_id in gateway.read_log().split("usage line not written")[1]


def test_a_wrong_setting_stops_the_start_and_is_named(tmp_path):
    gateway = GatewayProcess(tmp_path, CAM_UPSTREAM_URL="api.anthropic.com")
    gateway.launch()
    assert gateway.process.wait(WAIT_SECONDS) == 1
    assert "CAM_UPSTREAM_URL" in gateway.read_log()


def test_no_secret_is_in_the_log_or_the_spool(gateway, agent):
    agent.say("hello", headers={"x-api-key": PLACEHOLDER}, path="/v1/messages?token=query-secret")
    agent.read_line()
    written = gateway.read_log() + json.dumps(gateway.read_lines())
    for secret in (KEY, PLACEHOLDER, "query-secret"):
        assert secret not in written


def test_a_killed_gateways_calls_are_noted_by_its_successor(make_gateway):
    slow = Upstream(pace=5)
    gateway = make_gateway(CAM_UPSTREAM_URL=slow.url, ANTHROPIC_API_KEY=KEY)
    agent = gateway.add_agent()
    assert agent.say("hello")[0] == 200
    connection = agent.open_https()
    body = json.dumps(make_body(f"long 3000 {USAGE}", stream=True))
    connection.request("POST", "/v1/messages", body)
    assert b"message_start" in connection.getresponse().readline()
    gateway.stop(signal.SIGKILL)
    assert len(gateway.read_lines(agent.agent_id)) == 1
    gateway.start()
    _, line = agent.read_lines(2)
    slow.close()
    assert (line["complete"], line["error"]) == (False, "the gateway was killed")
    assert line["usage"]["cache_read_input_tokens"] == 5000
    assert line["message_id"]
    assert list((gateway.data / "gateway/in-flight").iterdir()) == []


# Budgets


MESSAGE = "The budget of alice is used up."


def write_budgets(gateway, **budget):
    data = {
        "version": 1,
        "written_at": "2026-11-24T02:30:00+00:00",
        "hold_usd": "0.05",
        "ingested": {},
        "rates": {
            "claude-opus-5-5": {
                "input": "4",
                "cache_write_5m": "5",
                "cache_write_1h": "8",
                "cache_read": "0.2",
                "output": "20",
            }
        },
        "budgets": [
            {
                "id": 1,
                "scope": "user",
                "user_id": 3,
                "workspace": None,
                "limit_usd": "0.01",
                "spent_usd": "0",
                "starts_at": "2026-01-01T00:00:00+00:00",
                "resets_at": "2199-01-01T00:00:00+00:00",
                "message": MESSAGE,
            }
            | budget
        ],
    }
    path = gateway.data / "gateway/budgets.json"
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(data))
    draft.replace(path)


def wait_for_status(agent, expected):
    def has_it():
        status, headers, body = agent.say("hello")
        return status == expected and (headers, json.loads(body))

    return wait_until(has_it, f"status {expected}")


def test_a_used_up_budget_refuses_its_users_calls_and_asks_nobody(make_gateway, upstream):
    gateway = make_gateway(CAM_UPSTREAM_URL=upstream.url, ANTHROPIC_API_KEY=KEY)
    alice, bob = gateway.add_agent(user_id=3), gateway.add_agent(user_id=4)
    write_budgets(gateway, spent_usd="0.01")
    headers, body = wait_for_status(alice, 402)
    asked = len(upstream.seen)
    assert alice.say("hello")[0] == 402
    assert alice.say("hello", path="/v1/messages/")[0] == 402
    assert alice.request("POST", "/v1/messages/count_tokens", make_body("x"))[0] == 200
    assert bob.say("hello")[0] == 200
    assert len(upstream.seen) == asked + 2
    assert headers["x-should-retry"] == "false"
    assert body["error"] == {"type": "billing_error", "message": MESSAGE}
    line = gateway.read_lines(alice.agent_id)[-2]
    assert (line["status"], line["error"], line["usage"]) == (402, MESSAGE, None)
    write_budgets(gateway, spent_usd="0.01", limit_usd="5")
    wait_for_status(alice, 200)


def test_costs_that_the_portal_has_not_read_count_even_after_a_kill(make_gateway, upstream):
    gateway = make_gateway(CAM_UPSTREAM_URL=upstream.url, ANTHROPIC_API_KEY=KEY)
    alice = gateway.add_agent(user_id=3)
    write_budgets(gateway, spent_usd="0.009")
    assert alice.say(USAGE)[0] == 200
    wait_for_status(alice, 402)
    gateway.stop(signal.SIGKILL)
    gateway.start()
    asked = len(upstream.seen)
    assert gateway.client(alice.agent_id).say("hello")[0] == 402
    assert len(upstream.seen) == asked


def test_an_agent_that_keeps_hanging_up_runs_into_its_budget(make_gateway):
    slow = Upstream(pace=1000)
    gateway = make_gateway(CAM_UPSTREAM_URL=slow.url, ANTHROPIC_API_KEY=KEY)
    gateway.stop()
    write_budgets(gateway)  # worth 500 tokens of output
    gateway.start()
    alice = gateway.add_agent(user_id=3)
    for number in range(1, 6):
        hang_up(alice, "long 3000 usage out=9", after_bytes=20_000)
        lines = alice.read_lines(number)
    slow.close()
    assert [line["status"] for line in lines[:1] + lines[-1:]] == [200, 402]
    assert all(line["usage"]["output_tokens"] == 1 for line in lines if line["usage"])
    gateway.stop(signal.SIGKILL)
    gateway.start()
    assert gateway.client(alice.agent_id).say("hello")[0] == 402


def test_what_calls_in_flight_hold_is_to_be_tried_again(make_gateway):
    slow = Upstream(pace=5)
    gateway = make_gateway(CAM_UPSTREAM_URL=slow.url, ANTHROPIC_API_KEY=KEY)
    gateway.stop()
    write_budgets(gateway)
    gateway.start()
    alice = gateway.add_agent(user_id=3)
    connection = alice.open_https()
    body = json.dumps(make_body("long 3000" + " " * 20_000, stream=True))
    connection.request("POST", "/v1/messages", body)
    wait_until(lambda: slow.seen, "the first call upstream")
    status, headers, _ = alice.say("hello")
    connection.close()
    slow.close()
    assert (status, headers["retry-after"], headers["x-should-retry"]) == (429, "2", "true")


def test_a_budgets_file_that_cannot_be_read_refuses_new_calls(make_gateway, upstream):
    gateway = make_gateway(CAM_UPSTREAM_URL=upstream.url, ANTHROPIC_API_KEY=KEY)
    alice = gateway.add_agent(user_id=3)
    (gateway.data / "gateway/budgets.json").write_text("{")
    wait_for_status(alice, 503)
    assert "budgets.json is ignored" in gateway.read_log()
