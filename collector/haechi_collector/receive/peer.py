"""Who is at the other end of a connection, as a name under which a client is treated fairly.

One IPv4 address is one client. One IPv6 network of 64 bits is one client: whoever has one address of it has them all.
"""

import ipaddress
from functools import lru_cache
from urllib.parse import unquote

from haechi_collector import limits

_NETWORK_BITS = 64


@lru_cache(limits.PEERS_REMEMBERED)
def client_of(host: str) -> str:
    """Return the client's name for an address without its port; what is no address is its own name."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _NETWORK_BITS), strict=False))


def client_of_grpc(peer: str) -> str:
    """Return the same for gRPC's ``ipv4:127.0.0.1:5678`` and ``ipv6:%5B::1%5D:5678``."""
    scheme, _, rest = peer.partition(":")
    if scheme not in {"ipv4", "ipv6"}:
        return peer
    return client_of(unquote(rest).rpartition(":")[0].strip("[]"))
