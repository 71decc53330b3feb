"""What is in a place already, and what an export begins with or goes on with."""

from __future__ import annotations

from importlib.metadata import version

import sqlalchemy as sa
from pydantic import ValidationError

from catalog import jobs
from catalog.errors import ExportError
from catalog.export.choosing import catalog_identity, choose, spans
from catalog.export.place import Place
from catalog.export.state import FILE, Asked, State
from catalog.tables import Job


def found(place: Place, asked: Asked, catalog: str, *, again: bool) -> State | None:
    """That of an export which can be gone on with, or is over; None where one is to begin."""
    data = place.read(FILE)
    if data is None:
        if next((name for name in place.names() if not name.startswith(".")), None) is not None:
            raise ExportError(f"{place} holds other things; name a new or an empty place")
        return None
    try:
        state = State.model_validate_json(data)
    except ValidationError:
        raise ExportError(f"{FILE} in {place} is damaged; name a new place, or empty this one") from None
    if state.catalog != catalog:
        raise ExportError(f"{place} holds an export of another database; name a new place, or empty this one")
    if state.asked != asked:
        raise ExportError(
            f"{place} holds another export ({_difference(state.asked, asked)}); name another place for this one"
        )
    return None if again and state.finished_at else state


def _difference(before: Asked, now: Asked) -> str:
    mine, other = before.model_dump(), now.model_dump()
    return ", ".join(
        f"{name}: {mine[name]} there, {other[name]} now" for name in mine if mine[name] != other[name]
    )


def begun(
    connection: sa.Connection, asked: Asked, place: Place, state: State | None, *, again: bool
) -> State:
    """With a job that is open: its own, or a new one."""
    subject = f"{asked.what} to {place.identity}"  # a path alone may be another host's, too
    if state is not None:
        if has_open_job(connection, state, Job.held.is_(None)):
            return state
        return state.model_copy(update={"job_id": jobs.create(connection, "export", subject)})
    return State(
        tagmill=version("tagmill"),
        catalog=catalog_identity(connection),
        asked=asked,
        versions=tuple(one.key for one in choose(connection, asked.what, asked.models)),
        spans=spans(connection, asked.what),
        job_id=jobs.create(connection, "export", subject),
        again=again,
    )


def has_open_job(connection: sa.Connection, state: State, *conditions: sa.ColumnElement[bool]) -> bool:
    """Also where the folder was moved, or its host has got another name: the subject says the former one."""
    query = sa.select(Job.id).where(
        Job.id == state.job_id, Job.kind == "export", Job.closed_at.is_(None), *conditions
    )
    return connection.scalar(query) is not None
