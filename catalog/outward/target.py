"""Where a URL leads: its parts, and the addresses of its host, looked up once and looked at."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from catalog.errors import AddressRefused, NoAnswer
from catalog.outward.addresses import is_outside

Resolve = Callable[[str, int], Sequence[str]]
"""From a host and a port to IP addresses. Raises OSError or UnicodeError where there are none."""

_LONGEST = 253  # characters of a name, by RFC 1035
_NO_URL = "no URL of the kind https://host/path"  # which is not shown: it may hold a password


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a URL. `host` is in lower case, an IPv6 address without brackets; `path` has the query."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def default_port(self) -> bool:
        return self.port == (443 if self.secure else 80)

    @property
    def authority(self) -> str:
        """As the header `Host` has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.default_port else f"{host}:{self.port}"


def target(url: str) -> Target:
    """The parts of an http or https URL. Raises AddressRefused."""
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise AddressRefused(_NO_URL) from None
    if parts.auth is not None:
        raise AddressRefused("a URL must hold no user name or password")
    host = (parts.host or "").strip("[]")
    if (
        parts.scheme not in ("http", "https")
        or not 0 < len(host) <= _LONGEST
        or "%" in host
        or not host.isascii()
    ):
        raise AddressRefused(_NO_URL)
    secure = parts.scheme == "https"
    return Target(secure, host.lower(), parts.port or (443 if secure else 80), parts.request_uri)


def system_resolver(host: str, port: int) -> list[str]:
    """Resolve: as the machine does; it reads 127.1, 0x7f000001 and 2130706433 as addresses, too."""
    return [str(address[0]) for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def addresses(
    to: Target,
    inside: Collection[str] = (),
    *,
    named_in: str,
    resolve: Resolve = system_resolver,
) -> list[str]:
    """The addresses of a host, best first. Hosts that are named `inside` may have any, all others only global ones.

    Raises AddressRefused, which says that `named_in` names such hosts, and NoAnswer where the name is unknown.
    """
    try:
        found = list(resolve(to.host, to.port))
    except (OSError, UnicodeError) as error:
        raise NoAnswer(f"the host {to.host} cannot be resolved: {error}") from None
    inward = [address for address in found if not is_outside(address)]
    if inward and host_name(to.host) not in inside:
        raise AddressRefused(
            f"{to.host} leads to {inward[0]}, which is no public address; if it is meant, name the host in {named_in}"
        )
    return found


def host_name(name: str) -> str:
    """A host's name as lists of hosts have it: in lower case, without brackets and the dot of the root."""
    return name.strip().strip("[]").rstrip(".").lower()
