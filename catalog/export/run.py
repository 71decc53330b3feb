"""An export from its beginning, or from where it stopped, to its end. It is a job."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from catalog import jobs, locks
from catalog.errors import ExportError, JobCancelled, why
from catalog.export.beginning import begun, found, has_open_job
from catalog.export.choosing import catalog_identity, check_not_collected, chosen
from catalog.export.place import PARTIAL, Place
from catalog.export.state import FILE, Asked, Part, Range, State, ids
from catalog.holds import check_not_cancelled
from catalog.locks import Turn
from catalog.versions import Version


class Writer(Protocol):
    """Makes the parts of one kind of export."""

    @property
    def prefixes(self) -> tuple[str, ...]:
        """How the names of its parts begin."""

    @property
    def keeps_parts(self) -> bool:
        """Whether parts stay when the export is whole."""

    def write(self, ranged: Range, state: State) -> Part | None:
        """The part of a range, whole and on disk; None where there is nothing of it."""

    def finish(self, state: State) -> None:
        """What is to be done when all parts are there."""


class Listener(Protocol):
    """Is told how it goes on. `total` and `done` count ids."""

    def at(self, done: int, total: int, rows: int) -> None: ...


def export(
    engine: sa.Engine,
    asked: Asked,
    place: Place,
    make: Callable[[list[Version]], Writer],
    listener: Listener,
    *,
    again: bool = False,
) -> tuple[State, bool]:
    """Do what is left of an export, or begin it: its state, and whether there was anything to do.

    With `again`, one that is finished begins anew; one that is not goes on.

    Raises ExportError, JobCancelled, UnknownModel, StoreError; all of them close its job, unless another may have it
    by now.
    """
    with locks.exporting(engine, place.identity) as lock:
        if lock is None:
            raise ExportError(
                f"another export is writing to {place}; wait for its end, or name another place"
            )
        with engine.connect() as connection:
            catalog = catalog_identity(connection)
        state = found(place, asked, catalog, again=again)
        if state is not None and state.finished_at:
            _tidy(engine, place, state, make)
            return state, False
        with engine.begin() as connection:
            state = begun(connection, asked, place, state, again=again)
            models = chosen(connection, state)
            check_not_collected(connection, models)
            writer = make(models)
        return _closing_its_job(engine, lock, state, place, writer, listener), True


def _tidy(engine: sa.Engine, place: Place, state: State, make: Callable[[list[Version]], Writer]) -> None:
    """What was left to do of a finished export: it may have been killed at its very end."""
    with engine.begin() as connection:
        writer = make(chosen(connection, state))
        if has_open_job(connection, state):
            jobs.close(connection, state.job_id, summary(state))
    _sweep(place, writer, state)


def _closing_its_job(
    engine: sa.Engine, lock: Turn, state: State, place: Place, writer: Writer, listener: Listener
) -> State:
    try:
        done = _parts(engine, lock, state, place, writer, listener)
    except JobCancelled:
        _close(engine, lock, state, {})
        raise JobCancelled(
            f"job {state.job_id} was cancelled; its parts stay in {place}, and the same command goes on with them"
        ) from None
    except (Exception, KeyboardInterrupt) as error:
        stopped = {"interrupted": True} if isinstance(error, KeyboardInterrupt) else {}
        _close(engine, lock, state, {**stopped, "error": why(error)})
        raise
    _close(engine, lock, done, summary(done))
    return done


def _parts(
    engine: sa.Engine, lock: Turn, state: State, place: Place, writer: Writer, listener: Listener
) -> State:
    _note(lock, state, place)
    _sweep(place, writer, state)
    ranges = state.ranges()
    done, total = ids(ranges[: state.ranges_done]), ids(ranges)
    for ranged in ranges[state.ranges_done :]:
        listener.at(done, total, state.rows)
        with engine.connect() as connection:
            check_not_cancelled(connection, state.job_id)
        _check_alone(lock, place)
        started = time.monotonic()
        part = writer.write(ranged, state)
        state = state.with_part(part, time.monotonic() - started)
        done += ids([ranged])
        _note(lock, state, place)
    listener.at(total, total, state.rows)
    with engine.connect() as connection:
        check_not_collected(connection, chosen(connection, state))  # meanwhile
    writer.finish(state)
    state = state.model_copy(update={"finished_at": datetime.now(UTC)})
    _note(lock, state, place)
    _sweep(place, writer, state)
    return state


def _note(lock: Turn, state: State, place: Place) -> None:
    _check_alone(lock, place)
    place.write(FILE, state.model_dump_json(indent=1).encode() + b"\n")


def _check_alone(lock: Turn, place: Place) -> None:
    """The right to write to `place` goes with its connection, and another may have it by now."""
    if not lock.holds():
        raise ExportError(
            f"the connection that kept others from writing to {place} was lost; run the same command again: "
            "it goes on after the last finished part"
        )


def _sweep(place: Place, writer: Writer, state: State) -> None:
    """Parts that were finished and not noted, or are of an export before this one, must not be counted twice.

    Those that are not kept go last: until it is noted that the export is whole, it may have to be made of them again.
    """
    kept = state.files if writer.keeps_parts or not state.finished_at else set()
    for prefix in (*writer.prefixes, PARTIAL):
        for name in list(place.names(prefix)):
            if name not in kept:
                place.delete(name)


def _close(engine: sa.Engine, lock: Turn, state: State, said: dict[str, Any]) -> None:
    """Unless Postgres is away, or others may write: then the job stays open for who goes on."""
    if lock.holds():
        with suppress(DBAPIError), engine.begin() as connection:
            jobs.close(connection, state.job_id, said)


def summary(state: State) -> dict[str, Any]:
    """What is kept of an export in its job."""
    rate = state.rows / state.seconds if state.seconds else None
    return {
        "rows": state.rows,
        "bytes": state.bytes,
        "parts": len(state.parts),
        "failed": state.failed,
        "seconds": round(state.seconds, 3),
        "rows_per_second": round(rate) if rate else None,
        "models": list(state.versions),
    }
