"""Puts the resolver into mitmproxy's event loop."""

import asyncio

import mitmproxy_rs

from metrics_app.gateway.config import GatewayConfig
from metrics_app.gateway.resolver import Resolver


def install_resolver(loop: asyncio.AbstractEventLoop, config: GatewayConfig) -> None:
    dns_lookup = None
    if config.dns_servers:
        dns_lookup = mitmproxy_rs.dns.DnsResolver(
            name_servers=list(config.dns_servers), use_hosts_file=False
        ).lookup_ip
    Resolver(
        system_lookup=loop.getaddrinfo,
        dns_lookup=dns_lookup,
        upstream=(config.upstream.host, config.upstream.port),
        private_hosts=config.private_hosts,
    ).install(loop)
