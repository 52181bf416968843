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
    own = host.rstrip(".").lower()
    return next((n for n in names if own == n.lower() or own.endswith(f".{n.lower()}")), "")


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
