"""What a route that fails tells: enough to act on, and nothing of what is behind it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from catalog.errors import BucketMissing, CatalogError, JobInOtherState, UnknownModel
from models.errors import Truncated
from tests.workers.web.conftest import Visit, made_key
from workers.web import bodies, deps
from workers.web.deps import Reading
from workers.web.keys import LOCAL, Caller
from workers.web.state import READERS


async def never() -> Any:
    await anyio.sleep(30)


def failing(visitor: TestClient, error: Exception) -> Any:
    app = visitor.app
    assert isinstance(app, FastAPI)

    @app.get("/api/failing")
    def fail() -> None:
        raise error

    return visitor.get("/api/failing")


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (UnknownModel("there is no model 'x'"), 404, "no model 'x'"),
        (JobInOtherState("job 3 is finished"), 409, "job 3 is finished"),
        (CatalogError("correct this"), 422, "correct this"),
        (Truncated("the PNG ends too early"), 422, "ends too early"),
        (BucketMissing("the bucket secret is not there"), 503, "object store"),
        (PoolTimeout("QueuePool secret"), 503, "too many requests"),
        (RuntimeError("secret"), 500, "the log says what"),
        (HTTPException(418, "a teapot"), 418, "a teapot"),
    ],
)
def test_an_error_has_its_status_and_tells_no_secret(
    visitor: TestClient, error: Exception, status: int, told: str
) -> None:
    answer = failing(visitor, error)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert told in answer.json()["detail"]
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("SET LOCAL statement_timeout = 20; SELECT pg_sleep(2)", 503),
        ("INSERT INTO products (sku) VALUES ('x')", 500),
        ("SELECT nothing FROM nowhere", 500),
        ("SELECT 9223372036854775807 + 1", 422),
    ],
)
def test_reading_ends_in_time_and_writes_nothing(visitor: TestClient, query: str, status: int) -> None:
    app = visitor.app
    assert isinstance(app, FastAPI)

    @app.get("/api/query")
    def ask(connection: Reading) -> None:
        connection.execute(sa.text(query))

    answer = visitor.get("/api/query")
    assert answer.status_code == status
    assert not {"SELECT", "INSERT", "psycopg2"} & set(answer.text.split())


def test_a_database_that_is_away_is_told_and_waited_for(visit: Visit) -> None:
    visitor = visit(database_url="postgresql+psycopg2://somebody:secret@127.0.0.1:1/tagmill")
    for path in ("/healthz", "/api/v1/models", "/photos/1"):
        answer = visitor.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "127.0.0.1" not in answer.text
        assert "secret" not in answer.text


def test_a_crowd_of_readers_is_answered(visitor: TestClient) -> None:
    """More of them than there are threads: none may hold a thread or a connection that another one needs."""
    app = visitor.app
    assert isinstance(app, FastAPI)

    @app.get("/api/crowd")
    def ask(connection: Reading) -> None:
        connection.execute(sa.text("SELECT pg_sleep(0.01)"))

    began = time.monotonic()
    with ThreadPoolExecutor(120) as crowd:
        statuses = list(crowd.map(lambda _: visitor.get("/api/crowd").status_code, range(240)))
    assert statuses == [200] * 240
    assert time.monotonic() - began < 25  # a pool that is waited for in vain gives up after 30


def test_who_waits_too_long_for_a_connection_is_told(
    visitor: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = visitor.app
    assert isinstance(app, FastAPI)
    monkeypatch.setattr(deps, "WAIT_SECONDS", 0.05)
    app.state.web.readers = anyio.Semaphore(0)
    answer = visitor.get("/api/v1/models")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_slow_questions_of_one_key_keep_no_other_waiting(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one, first), (other, second) = made_key("one", "read"), made_key("other", "read")
    visitor = visit(api_keys=f"{first},{second}", web_rate="1000")
    app = visitor.app
    assert isinstance(app, FastAPI)
    monkeypatch.setattr(deps, "WAIT_SECONDS", 0.5)

    @app.get("/api/slow")
    def ask(connection: Reading) -> None:
        connection.execute(sa.text("SELECT pg_sleep(4)"))

    with ThreadPoolExecutor(READERS) as crowd:
        asked = [crowd.submit(visitor.get, "/api/slow", headers=one) for _ in range(READERS)]
        time.sleep(1)
        assert visitor.get("/api/v1/models", headers=other).status_code == 200
        answers = [each.result() for each in asked]
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * (READERS // 2) + [429] * (READERS - READERS // 2)
    assert {answer.headers.get("retry-after") for answer in answers} == {None, "5"}
    assert visitor.get("/api/v1/models", headers=one).status_code == 200


@pytest.mark.parametrize(
    ("caller", "refused"), [(LOCAL, [503, 503]), (Caller("anna", "write"), [429] * (bodies.UPLOADS // 2 + 2))]
)
def test_only_so_many_photos_are_sent_at_once_and_of_one_key_half(caller: Caller, refused: list[int]) -> None:
    done = anyio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await done.wait()

    async def upload(among: bodies.Bodies, told: list[int]) -> None:
        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                told.append(message["status"])

        headers = [(b"content-type", b"multipart/form-data; boundary=x")]
        path = {"path": "/api/x", "query_string": b"", "method": "POST"}
        await among({"type": "http", "caller": caller, "headers": headers, **path}, never, send)

    async def crowd() -> list[int]:
        among, told = bodies.Bodies(app, 1000), list[int]()
        async with anyio.create_task_group() as group:
            for _ in range(bodies.UPLOADS + 2):
                group.start_soon(upload, among, told)
            await anyio.wait_all_tasks_blocked()
            done.set()
        await upload(among, told)  # there is room again
        return told

    assert anyio.run(crowd) == refused


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.05)

    async def read() -> None:
        with pytest.raises(HTTPException) as caught:
            await bodies._bounded(never, 100)()
        assert caught.value.status_code == 408

    anyio.run(read)
