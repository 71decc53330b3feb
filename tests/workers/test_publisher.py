"""From the real ledger to a queue that is a plain list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from catalog.ledger import Chunk, Lane, Ledger
from tests.catalog.shop import (
    add_images,
    add_version,
    execute,
    expire_leases,
    make_ledger,
    plan,
    rows,
    states,
    stored,
)
from workers.publisher import Publisher
from workers.sweeper import sweep


class ListQueue:
    """A broker in memory that may be away for a while."""

    def __init__(self) -> None:
        self.messages: list[Chunk] = []
        self.away = False

    def depth(self, lane: Lane) -> int:
        return len(self._of(lane))

    def waiting_since(self, lane: Lane) -> datetime | None:
        waiting = self._of(lane)
        return waiting[0].published_at if waiting else None

    def _of(self, lane: Lane) -> list[Chunk]:
        return [chunk for chunk in self.messages if chunk.lane == lane]

    def send(self, chunks: Iterable[Chunk]) -> None:
        if self.away:
            raise ConnectionError("the broker is away")
        self.messages += chunks


def make_publisher(
    ledger: Ledger, queue: ListQueue, *, chunk_size: int = 4, max_published: int = 5
) -> Publisher:
    return Publisher(ledger, queue, chunk_size=chunk_size, max_published=max_published)


def images_in(queue: ListQueue) -> list[int]:
    return [image_id for chunk in queue.messages for image_id in chunk.image_ids]


def let_a_minute_pass(engine: sa.Engine, queue: ListQueue) -> None:
    """As if everything had been published a minute ago."""
    execute(engine, "UPDATE work_items SET published_at = published_at - interval '1 minute'")
    queue.messages = [
        replace(chunk, published_at=chunk.published_at - timedelta(minutes=1)) for chunk in queue.messages
    ]


def test_only_as_many_messages_are_sent_as_may_wait(engine: sa.Engine) -> None:
    images = add_images(engine, 30)
    plan(engine, images, add_version(engine).id)
    queue = ListQueue()
    publisher = make_publisher(make_ledger(engine, chunk_size=4), queue)
    assert publisher.publish_due() == 5
    assert images_in(queue) == images[:20]
    assert publisher.publish_due() == 0
    del queue.messages[:3]
    assert publisher.publish_due() == 3
    assert images_in(queue) == images[12:30]
    assert publisher.publish_due() == 0


def test_a_job_for_each_photo_makes_no_more_messages_than_may_wait(engine: sa.Engine) -> None:
    """Photos that trickled in overnight, one ingest at a time."""
    images, version = add_images(engine, 30), add_version(engine).id
    for image in images:
        plan(engine, [image], version)
    queue = ListQueue()
    publisher = make_publisher(make_ledger(engine, chunk_size=4), queue)
    assert publisher.publish_due() == 5
    queue.messages.clear()
    assert publisher.publish_due() == 5
    assert len(images_in(queue)) == 5


def test_a_large_room_is_filled_in_several_rounds(engine: sa.Engine) -> None:
    images = add_images(engine, 300)
    plan(engine, images, add_version(engine).id)
    queue = ListQueue()
    publisher = make_publisher(make_ledger(engine, chunk_size=1), queue, chunk_size=1, max_published=1000)
    assert publisher.publish_due() == 300
    assert images_in(queue) == images


@pytest.mark.parametrize("lost_by", ["flush", "broker away"])
def test_messages_that_are_gone_are_sent_again_once_the_queue_is_empty(
    engine: sa.Engine, lost_by: str
) -> None:
    images, version = add_images(engine, 10), add_version(engine).id
    plan(engine, images, version)
    queue, ledger = ListQueue(), make_ledger(engine, chunk_size=4)
    publisher = make_publisher(ledger, queue)
    queue.away = lost_by == "broker away"
    if queue.away:
        with pytest.raises(ConnectionError):
            publisher.publish_due()
        queue.away = False
    else:
        publisher.publish_due()
        ledger.claim(images[:2], token := uuid4())
        ledger.settle(token, [stored(images[0], version)])
        queue.messages.clear()
    assert publisher.recover_lost() == 0  # they may still be under way
    let_a_minute_pass(engine, queue)
    publisher.recover_lost()
    assert images_in(queue) == (images if lost_by == "broker away" else images[2:])


def test_a_queue_that_still_holds_messages_is_not_filled_twice(engine: sa.Engine) -> None:
    images = add_images(engine, 10)
    plan(engine, images, add_version(engine).id)
    queue = ListQueue()
    publisher = make_publisher(make_ledger(engine, chunk_size=4), queue)
    publisher.publish_due()
    let_a_minute_pass(engine, queue)
    assert publisher.recover_lost() == 0
    assert images_in(queue) == images


def test_a_message_lost_from_a_queue_that_never_runs_empty_is_sent_again_in_its_turn(
    engine: sa.Engine,
) -> None:
    images = add_images(engine, 12)
    plan(engine, images, add_version(engine).id)
    queue, ledger = ListQueue(), make_ledger(engine, chunk_size=4)
    publisher = make_publisher(ledger, queue, max_published=1)
    publisher.publish_due()
    lost = queue.messages.pop()
    let_a_minute_pass(engine, queue)
    publisher.publish_due()
    publisher.recover_lost()
    assert len(queue.messages) == 1  # there is no room, but what was lost is known
    queue.messages.clear()
    publisher.publish_due()
    assert images_in(queue) == lost.image_ids


def test_what_was_published_before_the_clock_was_set_back_is_published_again(engine: sa.Engine) -> None:
    images = add_images(engine, 4)
    plan(engine, images, add_version(engine).id)
    queue, ledger = ListQueue(), make_ledger(engine, chunk_size=4)
    publisher = make_publisher(ledger, queue)
    publisher.publish_due()
    queue.messages.clear()
    execute(engine, "UPDATE work_items SET published_at = published_at + interval '1 hour'")
    publisher.recover_lost()
    assert images_in(queue) == images


def test_a_sweep_brings_back_what_a_dead_worker_held_and_what_a_flushed_queue_lost(engine: sa.Engine) -> None:
    images, version = add_images(engine, 8), add_version(engine).id
    plan(engine, images, version)
    queue, ledger = ListQueue(), make_ledger(engine, chunk_size=4)
    publisher = make_publisher(ledger, queue)
    sweep(ledger, publisher)
    ledger.claim(queue.messages.pop(0).image_ids, uuid4())
    expire_leases(engine)
    queue.messages.clear()
    let_a_minute_pass(engine, queue)
    sweep(ledger, publisher)
    assert sorted(images_in(queue)) == images
    while queue.messages:
        chunk = queue.messages.pop(0)
        claimed = ledger.claim(chunk.image_ids, token := uuid4())
        ledger.settle(token, [stored(c.image_id, version) for c in claimed])
        sweep(ledger, publisher)
    assert states(engine) == {"done": 8}


def test_a_sweep_tells_what_ended(engine: sa.Engine) -> None:
    plan(engine, [], add_version(engine).id)
    execute(engine, "UPDATE jobs SET closed_at = now()")
    ledger = make_ledger(engine)
    sweep(ledger, make_publisher(ledger, ListQueue()))
    assert rows(engine, "SELECT ended_at IS NULL FROM jobs") == [(False,)]
