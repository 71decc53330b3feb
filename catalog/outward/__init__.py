"""Requests to addresses that somebody typed in: they reach the outside only, and end in time.

    to = target("https://shop.example/1.jpg")
    found = addresses(to)                         # looked up once, each looked at
    with closing(connect(to, found, bounds)) as connection:
        response = connection.ask("GET", to.path, {}, bounds)

A host is resolved once, its addresses are looked at, and the connection goes to just these, so that no name may lead
inward by changing its answer. Redirects are not followed, bodies not unpacked, proxies not asked.
"""

from __future__ import annotations

from catalog.outward.addresses import is_outside
from catalog.outward.bounded import Bounds
from catalog.outward.connection import Connection, connect
from catalog.outward.target import Resolve, Target, addresses, host_name, system_resolver, target
from catalog.outward.words import printable, sentence

__all__ = [
    "Bounds",
    "Connection",
    "Resolve",
    "Target",
    "addresses",
    "connect",
    "host_name",
    "is_outside",
    "printable",
    "sentence",
    "system_resolver",
    "target",
]
