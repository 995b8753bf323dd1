"""Who is one client."""

import pytest

from haechi_collector.receive.peer import client_of, client_of_grpc


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("/run/socket", "/run/socket"),
    ],
)
def test_an_address_names_a_client(host: str, client: str) -> None:
    """An IPv4 address is one; of IPv6 a network of 64 bits is, because its owner has every address in it."""
    assert client_of(host) == client


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        ("ipv4:192.0.2.7:4711", "192.0.2.7"),
        ("ipv6:%5B::1%5D:4711", "::/64"),
        ("ipv6:[2001:db8::1]:4711", "2001:db8::/64"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_the_names_that_grpc_gives(peer: str, client: str) -> None:
    """They are told apart from the port, however the brackets are written."""
    assert client_of_grpc(peer) == client
