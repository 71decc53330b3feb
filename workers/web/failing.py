"""Every error as an answer: which status an error of the catalog is, and what may be said of it."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from psycopg2.errors import QueryCanceled
from redis.exceptions import RedisError
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from catalog import errors
from models.errors import PhotoError
from workers.web.invalid import told
from workers.web.problems import FieldProblem, respond, wants_page

log = structlog.get_logger("workers.web")

_NOT_THERE = (
    errors.UnknownSku,
    errors.UnknownJob,
    errors.UnknownModel,
    errors.UnknownGroup,
    errors.ObjectMissing,
)
_CONFLICT = (errors.JobInOtherState, errors.AlreadyServes, errors.JobCancelled)
_AWAY = {"retry-after": "5"}
_NOTHING = "there is nothing here"


def register(app: FastAPI) -> None:
    """Let `app` answer errors as here."""
    app.add_exception_handler(StarletteHTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(errors.CatalogError, _catalog)
    app.add_exception_handler(PhotoError, _photo)
    app.add_exception_handler(DBAPIError, _database)
    app.add_exception_handler(PoolTimeout, _busy)
    app.add_exception_handler(RedisError, _redis)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    detail = {404: _NOTHING, 405: "this method is not for this address"}.get(error.status_code)
    own = isinstance(error, HTTPException) or detail is None
    told = str(error.detail) if own else str(detail)
    return respond(request, error.status_code, told, headers=dict(error.headers or {}))


def _invalid(request: Request, error: Exception) -> Response:
    """Which fields, and why; never what was in them. An address that no page can have leads nowhere."""
    assert isinstance(error, RequestValidationError)
    if wants_page(request) and any(one["loc"][0] == "path" for one in error.errors()):
        return respond(request, 404, _NOTHING)
    found = [FieldProblem(field=_place(one), message=told(one)) for one in error.errors()]
    every = "; ".join(f"{one.field}: {one.message}" for one in found[:3])
    return respond(request, 422, every, errors=found)


def _catalog(request: Request, error: Exception) -> Response:
    if isinstance(error, _NOT_THERE):
        told = "nothing is stored for it any more" if isinstance(error, errors.ObjectMissing) else str(error)
        return respond(request, 404, told)
    if isinstance(error, errors.StoreError):  # its sentences name servers and keys
        log.error("object store", error=str(error))
        return respond(request, 503, "the object store does not answer; try again soon", headers=_AWAY)
    return respond(request, 409 if isinstance(error, _CONFLICT) else 422, str(error))


def _photo(request: Request, error: Exception) -> Response:
    assert isinstance(error, PhotoError)
    return respond(request, 422, error.sentence, code=error.code)


def _database(request: Request, error: Exception) -> Response:
    assert isinstance(error, DBAPIError)
    if isinstance(error.orig, QueryCanceled):
        told = "this takes longer than is allowed here; ask for less"
    elif isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
        told = "the database does not answer; try again soon"
    elif isinstance(error, DataError):
        return respond(request, 422, "a value is out of range, or no text that the database can hold")
    else:
        raise error
    log.error("database", error=str(error.orig))
    return respond(request, 503, told, headers=_AWAY)


def _busy(request: Request, _: Exception) -> Response:
    return respond(request, 503, "too many requests are being answered; try again soon", headers=_AWAY)


def _redis(request: Request, error: Exception) -> Response:
    log.error("Redis", error=str(error))
    return respond(request, 503, "nobody can log in or out just now; try again soon", headers=_AWAY)


def _place(error: dict[str, Any]) -> str:
    loc = error["loc"]
    return ".".join(map(str, loc[:1] if error["type"] == "json_invalid" else loc[1:] or loc))
