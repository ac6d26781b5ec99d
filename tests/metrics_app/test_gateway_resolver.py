import socket

import pytest

from metrics_app.gateway.resolver import Resolver

PUBLIC = "151.101.0.223"
PRIVATE = "10.0.0.5"


class Names:
    """Stands in for the system's look-up and for DNS servers; remembers who was asked."""

    def __init__(self, **system):
        self.system = system
        self.dns = {}
        self.asked = []

    async def look_up_system(self, host, port, **options):
        self.asked.append(("system", host))
        addresses = self.system.get(host.replace(".", "_"), [host])
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses
        ]

    async def look_up_dns(self, host):
        self.asked.append(("dns", host))
        return self.dns[host]

    def make_resolver(self, *, dns=False, upstream=("llm.corp", 443), private_hosts=()):
        return Resolver(
            system_lookup=self.look_up_system,
            dns_lookup=self.look_up_dns if dns else None,
            upstream=upstream,
            private_hosts=private_hosts,
        )


async def resolve(resolver, host, port=443):
    return [info[4][0] for info in await resolver.getaddrinfo(host, port)]


async def test_public_addresses_pass():
    names = Names(pypi_org=[PUBLIC])
    assert await resolve(names.make_resolver(), "pypi.org") == [PUBLIC]


@pytest.mark.parametrize("addresses", [[PRIVATE], [PUBLIC, PRIVATE], ["169.254.169.254"], ["::1"]])
async def test_a_name_with_any_private_address_is_refused(addresses):
    names = Names(evil_test=addresses)
    with pytest.raises(socket.gaierror, match="private address"):
        await resolve(names.make_resolver(), "evil.test")


async def test_the_upstream_may_be_private_at_its_own_port_only():
    resolver = Names(llm_corp=[PRIVATE]).make_resolver()
    assert await resolve(resolver, "llm.corp") == [PRIVATE]
    with pytest.raises(socket.gaierror):
        await resolve(resolver, "llm.corp", 80)


async def test_private_hosts_may_be_private():
    resolver = Names(pypi_corp=[PRIVATE]).make_resolver(private_hosts=("*.corp",))
    assert await resolve(resolver, "pypi.corp") == [PRIVATE]


async def test_the_dns_servers_are_asked_and_their_answers_checked():
    names = Names()
    names.dns = {"pypi.org": [PUBLIC], "evil.test": [PRIVATE]}
    resolver = names.make_resolver(dns=True)
    assert await resolve(resolver, "pypi.org") == [PUBLIC]
    with pytest.raises(socket.gaierror):
        await resolve(resolver, "evil.test")
    assert ("system", "pypi.org") not in names.asked


async def test_names_without_a_dot_are_the_systems_own():
    names = Names(localhost=["127.0.0.1"])
    resolver = names.make_resolver(dns=True, upstream=("localhost", 8422))
    assert await resolve(resolver, "localhost", 8422) == ["127.0.0.1"]
    assert names.asked == [("system", "localhost")]
