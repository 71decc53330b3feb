"""The grid's first page as a browser gets it: `tagmill serve` in a process of its own, asked by HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from statistics import median

import numpy as np
import urllib3

from benchmarks.rows import Row
from benchmarks.scratch import Scratch

TARGET = 300.0
ROUNDS = 40
PAGES = {
    "first page": "/",
    "first page of words": "/?q=red+dress",
    "first page of a tag": "/?tag=Dress",
}


def first_pages(place: Scratch, database: str) -> list[Row]:
    """Milliseconds until the page's HTML, with its facets, is there; its photos come after it."""
    with serving({**place.environment, "TAGMILL_DATABASE_URL": database}) as address:
        return [timed(name, address + path) for name, path in PAGES.items()]


def timed(name: str, address: str) -> Row:
    """95th percentile of one browser's visits, after two that warm up."""
    took = []
    with urllib3.PoolManager() as browser:
        for _ in range(ROUNDS + 2):
            started = time.perf_counter()
            answer = browser.request("GET", address)
            took.append(1e3 * (time.perf_counter() - started))
            if answer.status != 200:
                raise RuntimeError(f"{address} answered {answer.status}: {answer.data[:500]!r}")
    found = took[2:]
    return Row(name, float(np.percentile(found, 95)), "ms", TARGET, False, f"p95; median {median(found):.1f}")


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[str]:
    """The server's address, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "workers.cli", "serve", "--port", str(port)]
    quiet = {"TAGMILL_LOG_LEVEL": "WARNING"}
    server = subprocess.Popen(command, env={**os.environ, **environment, **quiet})
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            with suppress(urllib3.exceptions.HTTPError):
                urllib3.request("GET", f"{address}/healthz", retries=False, timeout=5)
                break
            time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(30)
