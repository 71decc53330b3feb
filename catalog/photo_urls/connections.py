"""Connections that are kept open between photos, each to an address that was looked at."""

from __future__ import annotations

import ssl
import threading
from functools import cache

from catalog.outward import Connection, Target, connect
from catalog.photo_urls.rules import Rules

_KEPT = 64  # that nobody uses

Origin = tuple[bool, str, int]


class Connections:
    """Lends connections, and takes them back. May be used from many threads at once."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._context = cache(ssl.create_default_context)
        self._idle: list[tuple[Origin, Connection]] = []
        self._lent: set[Connection] = set()
        self._lock = threading.Lock()
        self._closed = False

    def lend(self, to: Target) -> tuple[Connection, bool]:
        """A connection, and whether it is new. Raises SourceError, NoAnswer, OSError."""
        found = self._take(_origin(to))
        if found is not None:
            return found, False
        return self.open(to), True

    def open(self, to: Target) -> Connection:
        """A new one. Raises SourceError, NoAnswer, OSError."""
        connection = connect(to, self._rules.addresses(to), context=self._context)
        with self._lock:
            if not self._closed:
                self._lent.add(connection)
                return connection
        connection.close()
        raise ConnectionAbortedError("the ingest has ended")

    def give_back(self, to: Target, connection: Connection, *, again: bool) -> None:
        """`again`: it may be used for another photo."""
        old = None
        with self._lock:
            self._lent.discard(connection)
            if not again or self._closed:
                old = connection
            else:
                self._idle.append((_origin(to), connection))
                if len(self._idle) > _KEPT:
                    _, old = self._idle.pop(0)
        if old is not None:
            old.close()

    def close(self) -> None:
        """Close what is idle; what is under way fails soon."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for connection in self._lent:
                connection.abort()
        for _, connection in idle:
            connection.close()

    def _take(self, origin: Origin) -> Connection | None:
        while True:
            with self._lock:
                at = next((i for i in range(len(self._idle) - 1, -1, -1) if self._idle[i][0] == origin), None)
                if at is None:
                    return None
                _, connection = self._idle.pop(at)
                if connection.quiet:
                    self._lent.add(connection)
                    return connection
            connection.close()


def _origin(to: Target) -> Origin:
    return to.secure, to.host, to.port
