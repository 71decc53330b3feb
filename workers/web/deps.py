"""What a route asks for by the type of its arguments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated

import anyio
import sqlalchemy as sa
from fastapi import Depends, HTTPException, Path, Query, Request
from pydantic import AfterValidator, StringConstraints

from catalog.filters import is_text
from workers.web.keys import Caller
from workers.web.state import Web

WAIT_SECONDS = 10.0


def _web(request: Request) -> Web:
    web: Web = request.app.state.web
    return web


async def reader(request: Request) -> Caller:
    """Whoever may look. Raises 401."""
    caller: Caller | None = request.scope["caller"]
    if caller is None:
        given = request.headers.get("authorization", "").lower().startswith("bearer ")
        told = "this key is not known" if given else "a key is needed: Authorization: Bearer KEY"
        raise HTTPException(401, told, {"www-authenticate": "Bearer"})
    return caller


async def writer(caller: Annotated[Caller, Depends(reader)]) -> Caller:
    """Whoever may change something. Raises 401, 403."""
    if caller.role != "write":
        raise HTTPException(403, f"the key {caller.name!r} may read; this needs one that may write")
    return caller


@asynccontextmanager
async def _place(of: anyio.Semaphore, status: int, told: str) -> AsyncIterator[None]:
    """Who waits here holds no thread: else those who have a connection could find none to go on with."""
    with anyio.move_on_after(WAIT_SECONDS) as waiting:
        await of.acquire()
    if waiting.cancelled_caught:
        raise HTTPException(status, told, {"retry-after": "5"})
    try:
        yield
    finally:
        of.release()


async def _turn(request: Request, web: Annotated[Web, Depends(_web)]) -> AsyncIterator[None]:
    """One key has half of the connections at most: its slow questions wait for each other, and nobody for them."""
    caller: Caller | None = request.scope["caller"]
    share = web.shares.get(caller.name) if caller else None
    async with AsyncExitStack() as held:
        if share is not None:
            told = "this key has too many slow requests open; go on when they are answered"
            await held.enter_async_context(_place(share, 429, told))
        await held.enter_async_context(
            _place(web.readers, 503, "too many requests are being answered; try again soon")
        )
        yield


def _reading(
    web: Annotated[Web, Depends(_web)], _: Annotated[None, Depends(_turn, scope="function")]
) -> Iterator[sa.Connection]:
    with web.engine.connect() as connection:
        yield connection


def _printable(text: str) -> str:
    if not is_text(text):
        raise ValueError("holds a character that no text has (NUL or half of a surrogate pair)")
    return text


Here = Annotated[Web, Depends(_web)]
Reader = Annotated[Caller, Depends(reader)]
Writer = Annotated[Caller, Depends(writer)]
Reading = Annotated[sa.Connection, Depends(_reading, scope="function")]
"""A connection that only reads; it is given back before the answer is sent, however slowly that is taken."""

Plain = Annotated[str, AfterValidator(_printable)]
"""Text that Postgres can hold."""
Short = Annotated[Plain, StringConstraints(max_length=1000)]
Several = Annotated[list[Short], Query(max_length=50)]
"""Values of a facet that are chosen."""
Sku = Annotated[Plain, Path(max_length=1000, description="The product's number in the shop")]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
