"""Webhooks told, to a real HTTP server."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from catalog import webhooks
from catalog.events import Event
from catalog.webhooks import Webhook
from tests.catalog.shop import execute, rows
from tests.workers.receiver import Receiver, receiving
from workers.webhooks import THREADS, Dispatcher, send, signature

INSIDE = {"127.0.0.1"}
PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def add(engine: sa.Engine, url: str) -> Webhook:
    with engine.begin() as connection:
        return webhooks.add(connection, url, [Event.JOB_DONE])


def owe(engine: sa.Engine, webhook: Webhook, count: int = 1, payload: str = "{}") -> None:
    execute(
        engine,
        "INSERT INTO webhook_deliveries (webhook_id, event, key, payload) "
        "SELECT :id, 'job.done', 'key ' || n, CAST(:payload AS jsonb) FROM generate_series(1, :count) n",
        id=webhook.id,
        count=count,
        payload=payload,
    )


def found(engine: sa.Engine) -> list[tuple[str, int, str | None]]:
    return [
        (state, attempts, error)
        for state, attempts, error in rows(
            engine, "SELECT state, attempts, last_error FROM webhook_deliveries ORDER BY id"
        )
    ]


def due_again(engine: sa.Engine) -> None:
    execute(engine, "UPDATE webhook_deliveries SET next_attempt_at = now() WHERE state = 'pending'")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


@pytest.fixture
def dispatcher(engine: sa.Engine) -> Dispatcher:
    return Dispatcher(engine, INSIDE, rest_seconds=0)


def documented_verify() -> Callable[[str, dict[str, str], bytes], bool]:
    """What the documentation gives to those who receive."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    verify: Callable[[str, dict[str, str], bytes], bool] = names["verify"]
    return verify


def test_a_request_is_signed_as_the_documentation_verifies_it(
    engine: sa.Engine, receiver: Receiver, dispatcher: Dispatcher
) -> None:
    webhook = add(engine, receiver.url)
    owe(engine, webhook, payload='{"subject": "Größe.csv", "job_id": 3}')
    dispatcher.flush(10)
    (request,) = receiver.requests
    verify, other = documented_verify(), add(engine, receiver.url)
    assert verify(webhook.secret, request.headers, request.body)
    assert not verify(other.secret, request.headers, request.body)
    assert not verify(webhook.secret, request.headers, request.body.replace(b"3", b"4"))
    assert not verify(webhook.secret, {**request.headers, "webhook-id": "msg_9_9"}, request.body)
    assert not verify(webhook.secret, {**request.headers, "webhook-timestamp": "1"}, request.body)
    assert request.headers["content-type"] == "application/json"
    body = json.loads(request.body)
    moment = rows(engine, "SELECT created_at FROM webhook_deliveries")[0][0]
    assert body.pop("timestamp").endswith("Z")
    assert body == {"type": "job.done", "data": {"subject": "Größe.csv", "job_id": 3}}
    assert request.headers["webhook-id"] == f"msg_1_{moment.timestamp() * 1e6:.0f}"
    assert found(engine) == [("delivered", 1, None)]


def test_the_signature_that_the_specification_gives_as_its_example() -> None:
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    found = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_after_a_500_it_is_told_again_with_the_same_id(
    engine: sa.Engine, receiver: Receiver, dispatcher: Dispatcher
) -> None:
    receiver.statuses, receiver.body = [500], b"the till is on fire"
    owe(engine, add(engine, receiver.url))
    dispatcher.flush(10)
    assert found(engine) == [("pending", 1, "500 Internal Server Error: the till is on fire")]
    dispatcher.flush(10)  # the back-off holds
    assert len(receiver.requests) == 1
    due_again(engine)
    dispatcher.flush(10)
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert found(engine) == [("delivered", 2, None)]


@pytest.mark.parametrize(
    ("status", "state", "error"),
    [
        (204, "delivered", None),
        (410, "failed", "410 Gone: thanks"),
        (404, "pending", "404 Not Found: thanks"),
        (
            302,
            "pending",
            "302 Found: redirects are not followed; add a webhook with the address that it leads to",
        ),
        (299, "delivered", None),
        (599, "pending", "599: thanks"),
    ],
)
def test_what_an_answer_means(
    engine: sa.Engine,
    receiver: Receiver,
    dispatcher: Dispatcher,
    status: int,
    state: str,
    error: str | None,
) -> None:
    receiver.statuses = [status]
    receiver.headers = {"Location": receiver.url, "Content-Length": "6"} if status != 204 else {}
    owe(engine, add(engine, receiver.url))
    dispatcher.flush(10)
    assert found(engine) == [(state, 1, error)]
    assert len(receiver.requests) == 1


def test_an_inward_address_is_refused_at_each_delivery(engine: sa.Engine, receiver: Receiver) -> None:
    owe(engine, add(engine, receiver.url))
    Dispatcher(engine, set()).flush(10)
    ((state, _, error),) = found(engine)
    assert state == "pending"
    assert error
    assert "127.0.0.1, which is no public address" in error
    assert receiver.requests == []


def test_a_slow_endpoint_holds_up_no_other_and_is_asked_one_at_a_time(
    engine: sa.Engine, receiver: Receiver, dispatcher: Dispatcher
) -> None:
    end = threading.Event()
    with receiving() as slow:
        slow.before = lambda: end.wait(10)
        owe(engine, add(engine, slow.url), 3)
        owe(engine, add(engine, receiver.url), 20)
        dispatcher.look()
        until(lambda: len(receiver.requests) == 20)
        assert len(slow.requests) == 1
        end.set()
        dispatcher.flush(10)
        assert len(slow.requests) == 3
    assert set(found(engine)) == {("delivered", 1, None)}


def test_more_slow_endpoints_than_threads(
    engine: sa.Engine, dispatcher: Dispatcher, receiver: Receiver
) -> None:
    end = threading.Event()
    receiver.before = lambda: end.wait(10)
    for _ in range(THREADS + 2):
        owe(engine, add(engine, receiver.url))
    dispatcher.look()
    until(lambda: len(receiver.requests) == THREADS)
    dispatcher.look()
    assert len(receiver.requests) == THREADS
    end.set()
    dispatcher.flush(10)
    assert found(engine) == [("delivered", 1, None)] * (THREADS + 2)


def test_two_hosts_tell_each_thing_once(engine: sa.Engine, receiver: Receiver) -> None:
    hosts = [Dispatcher(engine, INSIDE) for _ in range(2)]
    for _ in range(3):
        owe(engine, add(engine, receiver.url), 10)
    threads = [threading.Thread(target=host.flush, args=(20,)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: set(found(engine)) == {("delivered", 1, None)})
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert (len(ids), len(set(ids))) == (30, 30)


def test_killed_between_request_and_record_it_is_sent_again_with_the_same_id(
    engine: sa.Engine, receiver: Receiver, dispatcher: Dispatcher
) -> None:
    owe(engine, add(engine, receiver.url))
    with engine.begin() as connection:
        (delivery,) = webhooks.take_due(connection)
    assert send(delivery, INSIDE).status == 200  # and here the host died
    dispatcher.flush(10)
    assert len(receiver.requests) == 1  # it might still be at it
    due_again(engine)
    dispatcher.flush(10)
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert found(engine) == [("delivered", 2, None)]


def test_no_transaction_is_open_during_a_request(
    engine: sa.Engine, receiver: Receiver, dispatcher: Dispatcher
) -> None:
    open_then: list[int] = []
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
    )
    receiver.before = lambda: open_then.append(rows(engine, query)[0][0])
    owe(engine, add(engine, receiver.url))
    dispatcher.flush(10)
    assert open_then == [0]


def test_a_webhook_removed_during_its_request_disturbs_nobody(
    engine: sa.Engine, receiver: Receiver, dispatcher: Dispatcher
) -> None:
    webhook = add(engine, receiver.url)
    receiver.before = lambda: execute(engine, "DELETE FROM webhooks WHERE id = :id", id=webhook.id)
    owe(engine, webhook)
    dispatcher.flush(10)
    assert found(engine) == []


def test_an_endpoint_that_refuses_has_a_rest(engine: sa.Engine) -> None:
    """However many deliveries are due to it: each host asks it now and then, not thousands of times."""
    owe(engine, add(engine, "http://127.0.0.1:1/"), 50)
    dispatcher = Dispatcher(engine, {"127.0.0.1"})
    for _ in range(5):
        dispatcher.flush(5)
    assert rows(engine, "SELECT sum(attempts) FROM webhook_deliveries") == [(1,)]


def test_old_deliveries_are_pruned(engine: sa.Engine, receiver: Receiver, dispatcher: Dispatcher) -> None:
    owe(engine, add(engine, receiver.url), 2)
    execute(
        engine, "UPDATE webhook_deliveries SET created_at = now() - interval '31 days' WHERE key = 'key 1'"
    )
    dispatcher.prune()
    assert rows(engine, "SELECT key FROM webhook_deliveries") == [("key 2",)]
