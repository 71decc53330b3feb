"""Which queue is asked first, and how many processes give way for what waits."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from redis import Redis

from workers.embedded.services import Endpoints
from workers.lanes import FRESH_IN_A_ROW, GiveWay, LaneCycle

SWEEP, FRESH, BACKLOG = "shop.0.sweep", "shop.1.fresh", "shop.2.backlog"


def test_what_is_fresh_is_asked_for_first_until_it_was_so_some_times_in_a_row() -> None:
    cycle = LaneCycle()
    cycle.update({BACKLOG, FRESH, SWEEP})
    for _ in range(FRESH_IN_A_ROW):
        assert cycle.consume(3) == [SWEEP, FRESH, BACKLOG]
        cycle.rotate(FRESH)
        cycle.rotate(SWEEP)
    assert cycle.consume(3) == [SWEEP, BACKLOG, FRESH]
    assert cycle.consume(3) == [SWEEP, BACKLOG, FRESH]  # nothing came meanwhile
    cycle.rotate(BACKLOG)
    assert cycle.consume(3) == [SWEEP, FRESH, BACKLOG]


def test_a_host_of_one_lane_asks_for_that() -> None:
    cycle = LaneCycle([FRESH])
    for _ in range(2 * FRESH_IN_A_ROW):
        cycle.rotate(FRESH)
    assert cycle.consume(1) == [FRESH]


def test_kombu_takes_this_order(tagmill_environment: dict[str, str]) -> None:
    from kombu.utils.scheduling import cycle_by_name

    from workers.celery_app import app

    chosen = app.conf.broker_transport_options["queue_order_strategy"]
    assert cycle_by_name(chosen) is LaneCycle


@pytest.fixture
def redis(endpoints: Endpoints) -> Iterator[Redis]:
    client = Redis.from_url(endpoints.redis_url)
    yield client
    client.close()


def test_as_many_processes_give_way_as_fresh_messages_wait(redis: Redis) -> None:
    queue = f"{uuid4().hex}.1.fresh"
    processes = [GiveWay(redis, queue) for _ in range(4)]
    assert not any(process() for process in processes)
    redis.rpush(queue, "a", "b")
    assert [process() for process in processes] == [True, True, False, False]
    redis.rpush(queue, "c")
    assert [process() for process in processes] == [True, False, False, False]


def test_a_broker_that_is_away_stops_nothing_and_is_left_alone_for_a_while() -> None:
    away = GiveWay(Redis(port=1, socket_connect_timeout=0.1), "shop.1.fresh")
    assert not away()
    assert away._not_before > 0
