"""Host names and addresses: what is a name, what an allowlist entry matches, what is public."""

import ipaddress
import re
from collections.abc import Iterable, Iterator

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_NAME_CHARACTERS = 253
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def normalise_host(host: str) -> str | None:
    """Lower-case DNS name without its final dot; None where `host` is an address or rubbish.

    What ends in a number reads as an IPv4 address to some resolver ("127.1", "0x7f.1").
    """
    name = host.lower().removesuffix(".")
    if len(name) > MAX_NAME_CHARACTERS or not _NAME.fullmatch(name):
        return None
    return None if re.fullmatch(r"\d+|0x[0-9a-f]*", name.rpartition(".")[2]) else name


def normalise_pattern(pattern: str) -> str | None:
    """An allowlist entry, `name` or `*.suffix`, in its normal form; None where it is neither."""
    suffix = normalise_host(pattern.strip().removeprefix("*."))
    if suffix is None:
        return None
    return f"*.{suffix}" if pattern.strip().startswith("*.") else suffix


def host_matches(host: str, patterns: Iterable[str]) -> bool:
    """Whether the normalised `host` is listed; `*.suffix` covers the names below it, not itself."""
    return any(
        host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern
        for pattern in patterns
    )


def is_public_address(address: str) -> bool:
    """Whether `address` is of the public internet, looking through addresses that carry another."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in _with_embedded(parsed))


def _with_embedded(address: IPAddress) -> Iterator[IPAddress]:
    """The address and those it tunnels to: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
        return
    yield address
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    if address in _NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
