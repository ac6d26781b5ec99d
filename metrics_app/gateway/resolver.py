"""Name resolution for connections to the outside: own DNS servers, and no way to private addresses.

It stands in for the event loop's `getaddrinfo`, so that the addresses checked are the very ones
connected to: a check made before could be answered otherwise the second time.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from metrics_app.gateway.hosts import host_matches, is_public_address

AddressInfo = tuple[Any, ...]
SystemLookup = Callable[..., Awaitable[Sequence[AddressInfo]]]
DnsLookup = Callable[[str], Awaitable[list[str]]]


class Resolver:
    """`dns_lookup` is None without DNS servers; names without a dot are always the system's."""

    def __init__(
        self,
        *,
        system_lookup: SystemLookup,
        dns_lookup: DnsLookup | None,
        upstream: tuple[str, int],
        private_hosts: tuple[str, ...],
    ) -> None:
        self._system_lookup = system_lookup
        self._dns_lookup = dns_lookup
        self._upstream = upstream
        self._private_hosts = private_hosts

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        setattr(loop, "getaddrinfo", self.getaddrinfo)  # noqa: B010 - mypy forbids the assignment

    async def getaddrinfo(self, host: str, port: int, **options: Any) -> Sequence[AddressInfo]:
        """As the loop's own. Raises socket.gaierror for a private address that is not allowed."""
        found = await self._look_up(host, port, options)
        if not self._may_be_private(host, port):
            for *_, address in found:
                if not is_public_address(str(address[0])):
                    raise socket.gaierror(
                        socket.EAI_NONAME,
                        f"CAM's gateway refuses {host}: it resolves to the private address "
                        f"{address[0]}, and CAM_PRIVATE_HOSTS does not list it",
                    )
        return found

    async def _look_up(
        self, host: str, port: int, options: dict[str, Any]
    ) -> Sequence[AddressInfo]:
        if self._dns_lookup is None or "." not in host:
            return await self._system_lookup(host, port, **options)
        addresses = await self._dns_lookup(host)
        return [
            info
            for address in addresses
            for info in await self._system_lookup(address, port, **options)
        ]

    def _may_be_private(self, host: str, port: int) -> bool:
        return (host, port) == self._upstream or host_matches(host, self._private_hosts)
