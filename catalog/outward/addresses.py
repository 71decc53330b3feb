"""Which IP addresses are of the public internet."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")

# Said to be global by IANA, or by some versions of Python, while they lead to what is near.
_NEAR: Final = (
    ip_network("168.63.129.16/32"),  # services of Azure for its own machines
    ip_network("192.0.0.0/24"),  # the next gateway's port control and relays; metadata of Oracle's cloud
    ip_network("192.88.99.0/24"),  # the next 6to4 relay
    ip_network("2001::/23"),  # the same as 192.0.0.0/24, of IPv6
    ip_network("3fff::/20"),  # documentation
)


def is_outside(address: str) -> bool:
    """Whether an IP address is one of the public internet, also where it holds another, as NAT64 does.

    Source: IANA's registries of special-purpose addresses (RFC 6890), by `ipaddress`, and what clouds serve nearby.
    """
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        if held := _held(ip):
            return is_outside(str(held))
        if ip not in _UNICAST:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NEAR)


def _held(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to this one end at: IPv4-mapped, 6to4, Teredo, NAT64.

    Local-use NAT64 (64:ff9b:1::/48) is no unicast address of the internet, and so refused whatever it holds.
    """
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
