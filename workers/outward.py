"""Requests to addresses that somebody typed in: they reach the outside only, and end in time.

A host is resolved once, its address is looked at, and the connection goes to just that address, so that no name may
lead inward by changing its answer. Redirects are not followed. Nothing here asks a proxy.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException, responses
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import parse_url

from catalog.errors import AddressRefused, NoAnswer

CONNECT_SECONDS, TOTAL_SECONDS = 5.0, 15.0
SENTENCE = 300  # characters of an error that the other side may have written
ANSWER_BYTES = 4096  # read of an answer; the rest is left unread

_NO_URL = "no URL of the kind https://host/path"  # which is not shown: it may hold a password
_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a URL leads, with the one address that a connection goes to."""

    secure: bool
    host: str
    port: int
    path: str
    address: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `body` is its beginning, of printable characters."""

    status: int
    body: str

    def __str__(self) -> str:
        return f"{self.status} {responses.get(self.status, '')}".strip()


def destination(url: str, inside: Collection[str] = ()) -> Destination:
    """Where `url` leads. Hosts that are named `inside` may have any address, all others only global ones.

    Raises AddressRefused, and NoAnswer where the name is unknown.
    """
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise AddressRefused(_NO_URL) from None
    if parts.auth is not None:
        raise AddressRefused("a URL must hold no user name or password; the signature is the proof")
    if parts.scheme not in ("http", "https") or not parts.host:
        raise AddressRefused(_NO_URL)
    host, secure = parts.host.strip("[]"), parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    addresses = _resolve(host, port)
    inward = [address for address in addresses if not is_outside(address)]
    if inward and host.lower() not in inside:
        raise AddressRefused(
            f"{host} leads to {inward[0]}, which is no public address; if it is meant, name the host in "
            "TAGMILL_WEBHOOK_HOSTS"
        )
    return Destination(secure, host, port, parts.request_uri, addresses[0])


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoAnswer(f"the host {host} cannot be resolved: {error}") from None
    return [str(address[0]) for *_, address in found]


def is_outside(address: str) -> bool:
    """Whether an IP address is one of the public internet, also where it holds another, as NAT64 does."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        if held := _held(ip):
            return is_outside(str(held))
        return ip.is_global and ip in _UNICAST
    return ip.is_global and not ip.is_multicast


def _held(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to this one end at: IPv4-mapped, 6to4, Teredo, NAT64."""
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    inside: Collection[str] = (),
    *,
    seconds: float = TOTAL_SECONDS,
) -> Answer:
    """POST, and the answer, whatever its status. It takes `seconds` at most, from when the name is resolved.

    Raises AddressRefused, NoAnswer.
    """
    to = destination(url, inside)
    late = threading.Event()
    begun = time.monotonic()
    try:
        with closing(
            socket.create_connection((to.address, to.port), min(CONNECT_SECONDS, seconds))
        ) as opened:
            left = seconds - (time.monotonic() - begun)
            with _cut_off(opened, left, late):
                answer = _exchange(opened, to, body, headers, seconds)
    except (OSError, HTTPException, HTTPError) as error:
        if not late.is_set():
            raise NoAnswer(f"{to.host} did not answer: {_sentence(error)}") from None
    if late.is_set():  # what was read until then may look complete
        raise NoAnswer(f"{to.host} gave no complete answer within {seconds:g} s")
    return answer


@contextmanager
def _cut_off(connection: socket.socket, seconds: float, late: threading.Event) -> Iterator[None]:
    """Shut the connection when the time is over: a time-out of the socket begins anew with each byte."""
    handle = connection.dup()  # TLS takes the first one over

    def cut() -> None:
        late.set()
        with suppress(OSError):  # the other side was faster
            handle.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        handle.close()


def _exchange(
    opened: socket.socket, to: Destination, body: bytes, headers: Mapping[str, str], seconds: float
) -> Answer:
    opened.settimeout(seconds)
    connection = (HTTPSConnection if to.secure else HTTPConnection)(to.host, to.port, timeout=seconds)
    connection.sock = _secured(opened, to.host) if to.secure else opened
    with closing(connection):
        connection.request("POST", to.path, body, headers, preload_content=False, decode_content=False)
        with closing(connection.getresponse()) as response:
            text = response.read(ANSWER_BYTES).decode(errors="replace")
    return Answer(response.status, printable(text))


def _secured(opened: socket.socket, host: str) -> ssl.SSLSocket:
    return ssl.create_default_context().wrap_socket(opened, server_hostname=host.rstrip("."))


def printable(text: str) -> str:
    """`text` in one line, for terminals, logs and Postgres, whatever the other side said."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _sentence(error: Exception) -> str:
    text = (isinstance(error, OSError) and error.strerror) or str(error)
    return printable(text)[:SENTENCE] or type(error).__name__
