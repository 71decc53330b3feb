"""Connections that end in time: uvicorn waits for ever for a request's head, and for whoever takes no answer."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 15.0
"""In which a request's head must be there, from its first byte on, or from the connection's beginning."""
STALL_SECONDS = 60.0
"""For which a client may take nothing of an answer that waits for it."""


class Connection(H11Protocol):
    """One connection of a client, or of the proxy before it."""

    _head: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head, self._stall):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
        super().resume_writing()

    def _await_head(self) -> None:
        """One time for the whole head, or the rest of a body that was answered: a byte now and then gains nothing."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if not answering and self._head is None:
            self._head = self.loop.call_later(HEAD_SECONDS, self.transport.abort)
        elif answering and self._head is not None:
            self._head.cancel()
            self._head = None
