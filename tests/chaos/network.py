"""Several hosts on one machine: network namespaces, each with an address of its own, on one bridge."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Host:
    """A namespace; `wire` is its end on the bridge."""

    name: str
    address: str
    wire: str

    def command(self, argv: Sequence[str] = ()) -> list[str]:
        """`argv`, to be run on this host."""
        return ["ip", "netns", "exec", self.name, *argv]

    def cut(self) -> None:
        """Packets vanish; no connection is told."""
        _ip("link", "set", self.wire, "down")

    def join(self) -> None:
        _ip("link", "set", self.wire, "up")


@dataclass(frozen=True, slots=True)
class Network:
    """`address` is where hosts reach what listens on this machine."""

    address: str
    hosts: list[Host]


def why_not() -> str | None:
    """Why there can be no such network here; None where there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need `ip`, from iproute2"
    probe = f"chaosp{os.getpid() % 100000}"
    tried = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"network namespaces are refused: {tried.stderr.strip()}"
    _ip("netns", "delete", probe)
    return None


@contextlib.contextmanager
def network(count: int) -> Iterator[Network]:
    """A bridge with `count` hosts, gone at the end."""
    tag = os.getpid() % 100000
    bridge, subnet = f"cb{tag}", f"10.{200 + tag % 50}.{tag % 250}"
    with contextlib.ExitStack() as undo:
        _ip("link", "add", bridge, "type", "bridge")
        undo.callback(_ip, "link", "delete", bridge)
        _ip("addr", "add", f"{subnet}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        hosts = [_add_host(undo, bridge, f"ch{tag}x{n}", f"{subnet}.{n + 10}") for n in range(count)]
        yield Network(f"{subnet}.1", hosts)


def _add_host(undo: contextlib.ExitStack, bridge: str, name: str, address: str) -> Host:
    wire, inside = f"{name}o", f"{name}i"
    _ip("netns", "add", name)
    undo.callback(_ip, "netns", "delete", name)
    _ip("link", "add", wire, "type", "veth", "peer", "name", inside)
    _ip("link", "set", inside, "netns", name)
    _ip("link", "set", wire, "master", bridge, "up")
    within = ["netns", "exec", name, "ip"]
    _ip(*within, "addr", "add", f"{address}/24", "dev", inside)
    _ip(*within, "link", "set", inside, "up")
    _ip(*within, "link", "set", "lo", "up")
    return Host(name, address, wire)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
