"""Messages that are not ours: a worker looks into none of them, and lives."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from celery import Celery
from kombu import Connection
from kombu.utils.json import dumps
from pydantic import SecretStr
from redis import Redis

from catalog import refused
from workers import refusing
from workers.sealing import LONGEST, NotSealed, Seal
from workers.settings import Settings

KEY = SecretStr("k" * 40)
QUEUE = "some.queue"


@pytest.fixture(autouse=True)
def _nothing_noted() -> Iterator[None]:
    refusing._kept.clear()
    refusing._count.clear()
    yield
    refusing._kept.clear()
    refusing._count.clear()


@pytest.fixture
def config(tagmill_environment: dict[str, str]) -> Settings:
    return Settings()


@pytest.fixture
def redis(config: Settings) -> Iterator[Redis]:
    client = Redis.from_url(config.redis_url.get_secret_value())
    yield client
    client.close()


@pytest.fixture
def connection(config: Settings) -> Iterator[Connection]:
    """As a worker connects."""
    with celery(config).connection_for_read() as opened:
        yield opened


def celery(config: Settings) -> Celery:
    from workers.celery_app import configure  # it asks for settings at its import

    return configure(Celery(set_as_current=False), config)


def codes() -> list[str]:
    return [one.code for one in refusing._kept]


def test_a_sealed_value_is_opened_where_it_was_put_and_nowhere_else() -> None:
    seal = Seal(KEY)
    sealed = seal.close(QUEUE, "[1]")
    assert seal.open(QUEUE, sealed) == b"[1]"
    altered = sealed[:-2] + b"2]"
    for place, value in (
        ("other", sealed),
        (QUEUE, altered),
        (QUEUE, b"[1]"),
        (QUEUE, b""),
        (QUEUE, sealed[64:]),
    ):
        with pytest.raises(NotSealed, match="not_sealed"):
            seal.open(place, value)
    with pytest.raises(NotSealed, match="not_sealed"):
        Seal(SecretStr("K" * 40)).open(QUEUE, sealed)


def test_what_is_too_long_is_not_even_hashed() -> None:
    seal = Seal(KEY)
    with pytest.raises(NotSealed, match="too_long"):
        seal.open(QUEUE, seal.close(QUEUE, "x" * LONGEST))


def test_a_seal_costs_microseconds() -> None:
    seal, value = Seal(KEY), json.dumps({"image_ids": list(range(10**6, 10**6 + 128))})
    started = time.perf_counter()
    for _ in range(1000):
        seal.open(QUEUE, seal.close(QUEUE, value))
    assert time.perf_counter() - started < 0.5  # 10 µs here


def test_the_key_is_nowhere_to_be_read(config: Settings) -> None:
    key = config.message_key.get_secret_value()
    shown = celery(config).conf
    assert key not in repr(config)
    assert key not in str(shown.table(with_defaults=True))
    assert key not in repr(shown.broker_transport_options)


def test_what_inspect_and_flower_ask_of_a_connection_can_be_told(
    connection: Connection, config: Settings
) -> None:
    """It goes as JSON: what cannot be written so leaves `celery inspect stats` without any answer."""
    told = dumps(connection.info())
    assert config.message_key.get_secret_value() not in told
    assert json.loads(told)["transport_options"]["visibility_timeout"] > 0


def test_none_of_celerys_own_tasks_is_there(config: Settings) -> None:
    from workers.tasks import app

    app.finalize()
    assert app.tasks
    assert not [name for name in app.tasks if not name.startswith("tagmill.")]


@pytest.mark.parametrize(
    "message", [b"\xff\xfe\x00", b"7", b"null", b"[]", b"{}", b"[" * 100_000, b"x" * (LONGEST + 1)]
)
def test_a_forged_message_is_taken_off_the_queue_and_the_next_one_comes(
    connection: Connection, redis: Redis, message: bytes, config: Settings
) -> None:
    queue = connection.SimpleQueue(f"{config.queue}.forged")
    redis.lpush(f"{config.queue}.forged", message)
    queue.put({"ours": 1})
    assert consumed(connection, f"{config.queue}.forged") == [{"ours": 1}]
    assert codes() == ["too_long" if len(message) > LONGEST else "not_sealed"]
    assert refusing._kept[0].bytes == len(message)


def consumed(connection: Connection, queue: str) -> list[Any]:
    """What comes from a queue until nothing has come for a second."""
    found: list[Any] = []

    def take(body: Any, message: Any) -> None:
        found.append(body)
        message.ack()

    with connection.Consumer([queue_of(queue)], callbacks=[take], accept=["json"]):
        drain(connection)
    return found


def drain(connection: Connection) -> None:
    """Take what comes within two seconds."""
    until = time.monotonic() + 2
    while (left := until - time.monotonic()) > 0:
        with suppress(TimeoutError):
            connection.drain_events(timeout=left)


def queue_of(name: str) -> Any:
    from kombu import Queue

    return Queue(name, routing_key=name)  # type: ignore[no-untyped-call]


def test_a_message_of_one_queue_is_none_of_another(
    connection: Connection, redis: Redis, config: Settings
) -> None:
    """Else one could have the trainer's work done by those that photos wait for."""
    here, there = f"{config.queue}.here", f"{config.queue}.there"
    connection.SimpleQueue(here).put({"ours": 1})
    redis.lmove(here, there, "RIGHT", "LEFT")
    assert consumed(connection, there) == []
    assert codes() == ["not_sealed"]


def test_what_is_not_acknowledged_comes_back_and_nothing_that_was_put_there_beside_it(
    connection: Connection, redis: Redis, config: Settings
) -> None:
    """Kombu hands out again what it finds in a hash of Redis: sealed anew, it would pass for ours."""
    name = f"{config.queue}.back"
    connection.SimpleQueue(name).put({"ours": 1})
    with (
        connection.channel() as channel,
        connection.Consumer([queue_of(name)], channel=channel, accept=["json"]) as it,
    ):
        it.register_callback(lambda body, message: None)
        connection.drain_events(timeout=2)
        raw = {
            "body": "W10=",
            "content-type": "application/json",
            "headers": {},
            "properties": {"delivery_tag": "f"},
        }
        redis.hset("unacked", "forged", json.dumps([raw, "", name]))
        channel.qos.restore_by_tag("forged")
        assert redis.llen(name) == 0
        assert codes() == ["not_sealed"]
        assert not redis.hexists("unacked", "forged")
    assert consumed(connection, name) == [{"ours": 1}]


@pytest.mark.parametrize("sealed", [True, False])
def test_remote_control_is_ours_alone(
    connection: Connection, redis: Redis, config: Settings, sealed: bool
) -> None:
    """`shutdown` from anybody who reaches Redis would end every host."""
    heard: list[Any] = []
    mailbox = celery(config).control.mailbox(connection)
    node = mailbox.Node(
        "one", handlers={"shutdown": lambda state, **_: heard.append(1)}, channel=connection.channel()
    )
    with node.Consumer(callbacks=[node.handle_message], accept=["json"]):
        drain(connection)  # what says that it is subscribed
        if sealed:
            mailbox.cast(["one"], "shutdown")
        else:
            body = {"method": "shutdown", "arguments": {}, "destination": None}
            message = {
                "body": json.dumps(body),
                "content-type": "application/json",
                "content-encoding": "utf-8",
                "headers": {},
                "properties": {"delivery_tag": "f", "delivery_info": {}},
            }
            assert redis.publish("/0.celery.pidbox", json.dumps(message)) >= 1
        drain(connection)
    assert heard == ([1] if sealed else [])
    assert ("not_sealed" in codes()) is not sealed


def test_what_was_refused_is_kept_where_people_see_it(engine: sa.Engine) -> None:
    for _ in range(refusing.KEPT + 5):
        refusing.note("not_sealed", QUEUE, b"\x1b[2J\0" + b"x" * 5000)
    refusing.note("malformed", QUEUE, b"y", "tagmill.sweep: args: Extra inputs are not permitted")
    refusing.write(engine)
    with engine.connect() as connection:
        (found,) = refused.of_late(connection)
    assert found.messages == refusing.KEPT
    assert found.beginning.startswith("\\x1b[2J\\x00xxx")
    assert len(found.beginning) < 400
    assert not refusing._count


def test_a_flood_does_not_fill_the_database(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "KEPT", 30)
    for number in range(4):
        for _ in range(refusing.KEPT):
            refusing.note("not_sealed", QUEUE, str(number).encode())
        refusing.write(engine)
    with engine.connect() as connection:
        rows = (
            connection.execute(sa.text("SELECT beginning FROM refused_messages ORDER BY id")).scalars().all()
        )
    assert rows == ["2"] * 10 + ["3"] * 20
