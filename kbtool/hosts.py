"""Hosts and addresses held against production's, however they are spelt."""

import socket
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

from kbtool.graph.conventions import Production


def named(value: str, production: Production) -> str:
    """Return which name or address of production a text is, "" where it is none.

    Addresses are compared as numbers: `3232235977` and `0xC0A801C9` are the same one.
    """
    found = canonical(value)
    addresses = (each for each in production.addresses if found and canonical(each) == found)
    return below(value, production.names) or next(addresses, "")


def below(host: str, names: Iterable[str]) -> str:
    """Return which of the names a host is, or lies below; "" where it is none."""
    own = f".{spelt(host)}"
    return next((name for name in names if own.endswith(f".{spelt(name)}")), "")


def spelt(host: str) -> str:
    """Return a host's name as a resolver is asked for it: `bücher。example` is one of `xn--…`."""
    own = host.rstrip(".").lower()
    if own.isascii():
        return own
    try:
        return own.encode("idna").decode("ascii").rstrip(".")
    except UnicodeError:
        return own  # no name at all


def canonical(text: str) -> str:
    """Return an address in its one canonical form, "" where the text is none."""
    try:
        return socket.inet_ntoa(socket.inet_aton(text))  # with every spelling a resolver takes
    except OSError:
        pass
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
