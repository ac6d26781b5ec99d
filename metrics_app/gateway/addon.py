"""The mitmproxy addon: knows the caller, keeps to its policy, adds the key, notes the usage.

Loaded with `mitmdump -s`, the project's folder being on the import path; `python -m
metrics_app.gateway` sees to both. Hooks run on the one event loop that carries every agent's bytes,
so none of them waits for a network, or for a disk to sync.
"""

import asyncio
import atexit
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from mitmproxy import connection, ctx, http
from mitmproxy.proxy import server_hooks

from metrics_app.gateway import refusals
from metrics_app.gateway.allowlist import refuse_connect, refuse_request
from metrics_app.gateway.attempts import Attempt, classify_path, read_retry_count
from metrics_app.gateway.budget_gate import BudgetGate
from metrics_app.gateway.budgets import BudgetsFile, Usage
from metrics_app.gateway.certificate import publish_ca
from metrics_app.gateway.config import GatewayConfig, read_config
from metrics_app.gateway.egress import EgressLog, Passage
from metrics_app.gateway.flows import has_bounded_body, read_target, redirect, tap
from metrics_app.gateway.in_flight import InFlight
from metrics_app.gateway.policy import Policy, PolicyStore
from metrics_app.gateway.refusals import Refusal, RefusalLog, refuse_api, refuse_plainly
from metrics_app.gateway.resolving import install_resolver
from metrics_app.gateway.sockets import AgentSockets
from metrics_app.gateway.spool import Position, Spool
from metrics_app.gateway.tail import read_tail
from metrics_app.gateway.upstream import (
    is_batch,
    strip_credentials,
)
from metrics_app.gateway.usage import add_uncounted

logger = logging.getLogger("cam.gateway")

WATCH_SECONDS = 0.1
# An answer ends for the agent once its usage line is on disk, or, on a full disk, after this time.
SPOOL_WAIT_SECONDS = 2.0
_ATTEMPT = "cam_attempt"
_IS_REFUSED = "cam_is_refused"
_PASSAGE = "cam_passage"


class Gateway:
    def __init__(self, config: GatewayConfig) -> None:
        self._config = config
        self._policies = PolicyStore(config.policy_dir)
        self._spool = Spool(config.spool_dir)
        self._in_flight = InFlight(config.in_flight_dir)
        self._budget_gate = BudgetGate(
            BudgetsFile(config.budgets_path),
            partial(read_tail, config.spool_dir, self._policies.get),
        )
        self._refusal_log = RefusalLog()
        self._egress = EgressLog(config.egress_dir)
        self._sockets: AgentSockets | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._agents: dict[str, str] = {}
        self._finishers: dict[int, Callable[[], object]] = {}
        # Streams in flight end after `done`, so the spool closes with the process.
        atexit.register(self._close_spool)

    # Life of the process

    def running(self) -> None:
        """The proxy listens, and its CA exists."""
        publish_ca(self._config.ca_dir, self._config.public_dir)
        install_resolver(asyncio.get_running_loop(), self._config)
        self._in_flight.recover(self._spool.put)
        self._budget_gate.refresh()
        port = ctx.master.addons.get("proxyserver").listen_addrs()[0][1]
        self._sockets = AgentSockets(self._config.sockets_dir, port)
        self._watcher = asyncio.create_task(self._watch_policies(self._sockets))
        logger.info("gateway is ready: policies in %s", self._config.policy_dir)

    def done(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()

    async def _watch_policies(self, sockets: AgentSockets) -> None:
        while True:
            try:
                agents = self._policies.list_agents()
                for agent_id in agents:
                    self._policies.get(agent_id)
                self._budget_gate.refresh()
                self._egress.flush_if_due(time.monotonic())
                await sockets.sync(agents)
                self._config.heartbeat.touch()
            except OSError:
                logger.exception("cannot bring the sockets in line with the policies, trying again")
            await asyncio.sleep(WATCH_SECONDS)

    def _close_spool(self) -> None:
        for finish in list(self._finishers.values()):
            finish()
        self._egress.flush()
        self._spool.close()

    # Connections

    def client_connected(self, client: connection.Client) -> None:
        """Only connections from our own sockets: the loopback port is open to the whole machine."""
        agent_id = self._sockets.find_agent(client.peername[:2]) if self._sockets else None
        if agent_id is None:
            client.error = "not a connection of an agent"
        else:
            self._agents[client.id] = agent_id

    def client_disconnected(self, client: connection.Client) -> None:
        self._agents.pop(client.id, None)

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Last line: nothing is connected to for a caller that is not known."""
        if self._find_agent(data.client) is None:
            data.server.error = "not a connection of an agent"

    def _find_agent(self, client: connection.Client) -> str | None:
        """By connection: a port may be another agent's as soon as its connection has ended."""
        return self._agents.get(client.id)

    # Requests

    def http_connect(self, flow: http.HTTPFlow) -> None:
        agent_id, policy = self._identify(flow)
        request = flow.request
        reason = (
            refuse_connect(request.host, request.port, policy)
            if agent_id
            else "not a connection of an agent"
        )
        if reason:
            self._refuse(flow, agent_id, reason, refuse_plainly(reason))

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        agent_id, policy = self._identify(flow)
        target = read_target(flow)
        reason = refuse_request(target, policy)
        if agent_id is None:
            flow.kill()
        elif target.is_api:
            self._start_api_call(flow, agent_id, policy, reason)
        elif reason:
            self._refuse(flow, agent_id, reason, refuse_plainly(reason))
        else:
            strip_credentials(flow.request.headers, ["proxy-authorization"])
            flow.request.stream = tap(self._let_pass(flow, agent_id).see_sent)

    def _identify(self, flow: http.HTTPFlow) -> tuple[str | None, Policy | None]:
        agent_id = self._find_agent(flow.client_conn)
        return agent_id, self._policies.get(agent_id) if agent_id else None

    def _start_api_call(
        self, flow: http.HTTPFlow, agent_id: str, policy: Policy | None, reason: str | None
    ) -> None:
        target = flow.request.path
        attempt = self._open_attempt(flow, agent_id)
        refusal = self._find_api_refusal(target, policy, reason)
        costs = attempt is not None and attempt.kind != "count_tokens"
        if refusal is None and costs and policy is not None:
            refusal = self._budget_gate.find_refusal(policy)
        if refusal is not None:
            status, message = refusal
            if attempt is not None:
                attempt.refuse(status, message)
            self._refuse(flow, agent_id, message, refuse_api(status, message))
            return
        if costs and policy is not None:
            self._budget_gate.hold(id(attempt), policy)
        if attempt is not None:
            self._in_flight.write(attempt)
        passage = self._let_pass(flow, agent_id)
        redirect(flow.request, self._config, policy.own_key if policy is not None else "")
        seers = [] if attempt is None else [attempt.see_request]
        flow.request.stream = tap(passage.see_sent, *seers)

    def _find_api_refusal(
        self, target: str, policy: Policy | None, reason: str | None
    ) -> tuple[int, str] | None:
        """Status and message of the first thing that forbids a call of the model API."""
        config = self._config
        if reason is not None:
            return 403, f"CAM's gateway refused this request: {reason}."
        if policy is None:
            return 403, refusals.NO_POLICY
        if policy.blocked is not None:
            return 403, policy.blocked
        if is_batch(target):
            return 403, refusals.NO_BATCHES
        has_key = policy.own_key or config.api_key or config.oauth_token
        if config.upstream.is_real_api and not has_key:
            return 403, refusals.NO_CREDENTIAL
        if self._spool.is_full:
            return 503, refusals.SPOOL_FULL
        return None

    def _open_attempt(self, flow: http.HTTPFlow, agent_id: str) -> Attempt | None:
        request = flow.request
        kind = classify_path(request.path)
        if kind is None:
            return None
        attempt = Attempt(
            agent_id=agent_id,
            method=request.method,
            target=request.path,
            kind=kind,
            claude_session_id=request.headers.get("x-claude-code-session-id", ""),
            retry_count=read_retry_count(request.headers.get("x-stainless-retry-count", "")),
        )
        flow.metadata[_ATTEMPT] = attempt
        self._finishers[id(attempt)] = partial(self._finish, attempt, "the gateway was stopped")
        return attempt

    def _let_pass(self, flow: http.HTTPFlow, agent_id: str) -> Passage:
        request = flow.request
        passage = self._egress.allow(agent_id, request.host, request.method)
        flow.metadata[_PASSAGE] = passage
        return passage

    def _refuse(
        self, flow: http.HTTPFlow, agent_id: str | None, reason: str, refusal: Refusal
    ) -> None:
        self._refusal_log.write(agent_id or "unknown", flow.request.host, reason)
        if agent_id is not None:
            self._egress.refuse(agent_id, flow.request.host, flow.request.method, reason)
        flow.metadata[_IS_REFUSED] = True
        if has_bounded_body(flow.request):
            flow.response = http.Response.make(refusal.status, refusal.body, refusal.headers)
        else:
            flow.kill()

    # Responses

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        response = flow.response
        if response is None or _IS_REFUSED in flow.metadata:
            return
        attempt: Attempt | None = flow.metadata.get(_ATTEMPT)
        passage: Passage | None = flow.metadata.get(_PASSAGE)
        seers = [] if passage is None else [passage.see_received]
        if attempt is None:
            response.stream = tap(*seers)
            return
        headers = response.headers
        attempt.start_response(
            status=response.status_code,
            content_type=headers.get("content-type", ""),
            content_encoding=headers.get("content-encoding", ""),
            request_id=headers.get("request-id", ""),
        )
        # An answer in one piece is kept until its line is safe; see `response`.
        if attempt.is_streamed:
            response.stream = tap(*seers, self._in_flight.follow(attempt))

    async def response(self, flow: http.HTTPFlow) -> None:
        """The regular end, held back until the usage line is on disk.

        So an agent never holds a whole answer, or the last chunk of a stream, that was not noted.
        """
        attempt: Attempt | None = flow.metadata.get(_ATTEMPT)
        if attempt is None:
            return
        if not attempt.is_streamed and flow.response is not None:
            passage: Passage | None = flow.metadata.get(_PASSAGE)
            seers = [] if passage is None else [passage.see_received]
            tap(*seers, attempt.see_response)(flow.response.raw_content or b"")
        if written := self._finish(attempt, None):
            await asyncio.wait([asyncio.wrap_future(written)], timeout=SPOOL_WAIT_SECONDS)

    def error(self, flow: http.HTTPFlow) -> None:
        """The connection broke on either side; on shutdown this comes after `done`."""
        attempt: Attempt | None = flow.metadata.get(_ATTEMPT)
        passage: Passage | None = flow.metadata.get(_PASSAGE)
        reason = flow.error.msg if flow.error else "the connection broke"
        if passage is not None:
            passage.fail(reason)
        if attempt is not None:
            self._finish(attempt, reason)

    def _finish(self, attempt: Attempt, cut: str | None) -> Future[Position] | None:
        """Note the attempt, once; done when its line is on disk."""
        self._finishers.pop(id(attempt), None)
        line = attempt.finish(cut)
        if line is None:
            return None
        self._in_flight.write(attempt, line)
        written = self._spool.put(line)
        self._in_flight.forget_when(written, attempt)
        report = attempt.report
        usage: Usage | None = report.usage
        if usage is not None:
            usage = add_uncounted(usage, report.uncounted_output_tokens)
        self._budget_gate.settle(id(attempt), model=report.model, usage=usage, written=written)
        return written


def set_up_logging() -> None:
    """Our own lines to stderr; mitmproxy's go its own way, errors only."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s gateway: %(message)s"))
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


set_up_logging()
addons = [Gateway(read_config(os.environ))]
