"""Which hosts may be asked for photos."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from catalog.errors import AddressRefused, SourceError
from catalog.outward import Resolve, Target, addresses, host_name, system_resolver, target

CODES: Final = (
    "bad_url",
    "host_not_allowed",
    "address_refused",
    "url_gone",
    "url_forbidden",
    "url_web_page",
    "url_failed",
    "url_unavailable",
)
"""Codes of a SourceError about a URL, but for those that files have as well."""

INSIDE: Final = "TAGMILL_URL_INSIDE_HOSTS"
_HOST = re.compile(r"\.?[a-z0-9_][a-z0-9_.-]*|[0-9a-f:.]*:[0-9a-f:.]*")
_WELL_KNOWN = 1024  # ports below are those of mail, files and the like, but for the web's own


@dataclass(frozen=True, slots=True)
class Rules:
    """`hosts` are those that may be asked: `shop.example`, or `.shop.example` for all below it; none stands for any.

    Those named `inside` may be asked at any address and port, all others at global addresses only. A name in `hosts`
    does not lead inward, so that a list which narrows cannot open. `resolve` looks names up.
    """

    hosts: Collection[str] = ()
    inside: Collection[str] = ()
    resolve: Resolve = system_resolver

    def target(self, url: str) -> Target:
        """Where a URL leads, if it may lead there as far as its text says. Raises SourceError."""
        try:
            to = target(url)
        except AddressRefused as refused:
            raise SourceError("bad_url", str(refused)) from None
        name = host_name(to.host)
        if name in self.inside:
            return to
        if self.hosts and not any(_covers(host, name) for host in self.hosts):
            raise SourceError("host_not_allowed", f"{name} is not among the hosts that are allowed")
        if to.port < _WELL_KNOWN and to.port not in (80, 443):
            raise SourceError("bad_url", f"port {to.port} is none that photos come from")
        return to

    def addresses(self, to: Target) -> list[str]:
        """The addresses of its host, all of them looked at. Raises SourceError, and NoAnswer where there are none."""
        try:
            return addresses(to, self.inside, named_in=INSIDE, resolve=self.resolve)
        except AddressRefused as refused:
            raise SourceError("address_refused", str(refused)) from None


def _covers(host: str, name: str) -> bool:
    return name.endswith(host) if host.startswith(".") else name == host


def host_list(written: Iterable[str]) -> frozenset[str]:
    """Hosts as `Rules` has them. Raises ValueError for what is none, which would allow nothing, or all."""
    names = [host_name(name) for name in written]
    for name in names:
        if not _HOST.fullmatch(name):
            raise ValueError(f"{name!r} is no host: write shop.example, or .shop.example for all below it")
    return frozenset(names)
