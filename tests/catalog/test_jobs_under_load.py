"""Twenty thousand photos, workers that never rest, and everything one may do to jobs meanwhile; counts stay exact."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Event
from uuid import uuid4

import pytest
import sqlalchemy as sa

from catalog import holds, jobs, promotion, stale, versions
from catalog.errors import NotCovered
from catalog.jobs import Progress
from catalog.ledger import Chunk, Lane, Ledger
from catalog.outcomes import ItemKey, Outcome, Quarantined
from tests.catalog.shop import add_images, add_product, add_version, make_ledger, rows, stored
from workers.publisher import Publisher
from workers.sweeper import sweep

PHOTOS, FRESH, WORKERS = 20_000, 200, 4
EVERY = 101  # photo fails until it is mended
SECONDS = 60.0


class Lanes:
    """Two queues in memory; a message that is taken is gone, as a worker's death would leave it."""

    def __init__(self) -> None:
        self._queues: dict[Lane, SimpleQueue[Chunk]] = {"fresh": SimpleQueue(), "backlog": SimpleQueue()}

    def depth(self, lane: Lane) -> int:
        return self._queues[lane].qsize()

    def waiting_since(self, lane: Lane) -> datetime | None:
        return None  # whatever is not claimed soon is published again

    def send(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            self._queues[chunk.lane].put(chunk)

    def take(self) -> Chunk | None:
        for lane in self._queues:
            try:
                return self._queues[lane].get_nowait()
            except Empty:
                continue
        return None


class Workers:
    """Threads that claim, answer and settle; each photo that is `broken` is quarantined."""

    def __init__(self, engine: sa.Engine) -> None:
        self.ledger = make_ledger(engine)
        self.queue = Lanes()
        self.publisher = Publisher(self.ledger, self.queue, chunk_size=128, max_published=20)
        self.broken: set[int] = set()
        self.finished: list[int] = []  # in their order
        self._end = Event()

    def work(self) -> None:
        while not self._end.is_set():
            chunk = self.queue.take()
            if chunk is None:
                time.sleep(0.02)
                continue
            claimed = self.ledger.claim(chunk.image_ids, token := uuid4(), top_up_to=32, lane=chunk.lane)
            for start in range(0, len(claimed), 32):
                outcomes = [
                    self._answer(c.image_id, v) for c in claimed[start : start + 32] for v in c.versions
                ]
                assert self.ledger.settle(token, outcomes) == 0
                self.finished += [outcome.key.image_id for outcome in outcomes]

    def _answer(self, image_id: int, version_id: int) -> Outcome:
        if image_id in self.broken:
            return Quarantined(ItemKey(image_id, version_id), "broken", "It is broken.")
        return stored(image_id, version_id)

    def sweep(self) -> None:
        while not self._end.is_set():
            sweep(self.ledger, self.publisher)
            time.sleep(0.1)

    def stop(self) -> None:
        self._end.set()


@pytest.fixture
def workers(engine: sa.Engine) -> Iterator[Workers]:
    made = Workers(engine)
    with ThreadPoolExecutor(WORKERS + 1) as pool:
        futures = [pool.submit(made.work) for _ in range(WORKERS)] + [pool.submit(made.sweep)]
        yield made
        made.stop()
        for future in futures:
            future.result()


class Shop:
    """The jobs of one catalog, as somebody at a keyboard sees them."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.images = add_images(engine, PHOTOS)
        add_product(engine, "A", self.images)
        self.first = add_version(engine, "type", 1)
        self.second = add_version(engine, "type", 2)

    def process(self, version: versions.Version, lane: Lane = "backlog") -> tuple[int, int]:
        with self.engine.begin() as connection:
            return stale.plan(connection, version.id, version.key, lane=lane)

    def act(self, job: int, action: holds.Action) -> None:
        with self.engine.begin() as connection:
            holds.act(connection, job, action)

    def see(self, job: int) -> Progress:
        with self.engine.connect() as connection:
            (found,) = jobs.progress(connection, job_id=job)
        return found

    def until(self, job: int, condition: Callable[[Progress], bool]) -> Progress:
        deadline = time.monotonic() + SECONDS
        while not condition(found := self.see(job)):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found

    def serving(self) -> list[str]:
        return [key for (key,) in rows(self.engine, "SELECT name || '@' || version FROM serving_versions")]

    def shown(self) -> list[tuple[int, int]]:
        """What a merchandiser's SQL sees: (version, tags) of product A."""
        return rows(self.engine, "SELECT model_version, count(*) FROM product_tags GROUP BY 1")  # type: ignore[return-value]


@pytest.mark.timeout(200)
def test_pause_resume_fresh_cancel_retry_promote_and_back(engine: sa.Engine, workers: Workers) -> None:
    shop = Shop(engine)
    workers.broken = set(shop.images[::EVERY])
    bulk, added = shop.process(shop.first)
    assert added == PHOTOS

    # Paused, it stands still; nothing is lost or doubled.
    shop.until(bulk, lambda p: p.done > 1000)
    shop.act(bulk, "pause")
    paused = shop.until(bulk, lambda p: not p.leased)
    time.sleep(0.5)
    assert shop.see(bulk).closed == paused.closed
    assert paused.closed + paused.open == PHOTOS
    shop.act(bulk, "resume")

    # Photos that somebody waits for pass all that was there before.
    shop.until(bulk, lambda p: p.closed > paused.closed)
    uploads = add_images(engine, FRESH)
    add_product(engine, "B", uploads)
    with engine.begin() as connection:
        upload = jobs.create(connection, "process", "uploads", "fresh")
        Ledger.plan(connection, upload, uploads, [shop.first.id])
        jobs.close(connection, upload, {})
    shop.until(upload, lambda p: p.state == "finished")
    assert shop.see(bulk).open > 5000
    fresh = set(uploads)
    places = [place for place, image in enumerate(workers.finished) if image in fresh]
    assert places[-1] - places[0] < 3000

    # A candidate beside it is cancelled midway, and asked for anew: just what was given up is done.
    shop.until(bulk, lambda p: p.state == "finished")
    candidate, added = shop.process(shop.second)
    assert added == PHOTOS + FRESH
    shop.until(candidate, lambda p: p.done > 1000)
    shop.act(candidate, "cancel")
    given_up = shop.until(candidate, lambda p: p.state == "cancelled")
    assert given_up.closed == PHOTOS + FRESH
    assert given_up.cancelled > 5000
    again, added = shop.process(shop.second)
    assert added == given_up.cancelled + given_up.quarantined

    # Promoted and rolled back under load: refused while photos would lose their tags, and counted; then against that
    # advice. At each moment one version serves, and its tags are shown.
    assert shop.shown() == [(1, PHOTOS + FRESH - len(workers.broken))]
    with pytest.raises(NotCovered) as refused, engine.begin() as connection:
        promotion.promote(connection, "type@2")
    assert 0 < refused.value.gaps.waiting == refused.value.gaps.photos <= added
    assert shop.serving() == ["type@1"]
    with engine.begin() as connection:
        promotion.promote(connection, "type@2", anyway=True)
    assert shop.serving() == ["type@2"]
    assert {version for version, _ in shop.shown()} == {2}
    with engine.begin() as connection:
        promotion.rollback(connection, "type")
    assert shop.serving() == ["type@1"]
    assert shop.shown() == [(1, PHOTOS + FRESH - len(workers.broken))]
    shop.until(again, lambda p: p.state == "finished")
    with engine.begin() as connection:
        assert promotion.promote(connection, "type@2").gaps.photos == 0

    # What failed is mended and tried again: that, and nothing else.
    mended, workers.broken = workers.broken, set()
    with engine.begin() as connection:
        assert jobs.retry(connection, job_id=bulk, code="broken") == len(mended)
        assert jobs.retry(connection, version_id=shop.second.id) == len(mended)
    seen = len(workers.finished)
    for job in (bulk, again):
        shop.until(job, lambda p: p.state == "finished")
    assert sorted(workers.finished[seen:]) == sorted([*mended, *mended])

    everything = PHOTOS + FRESH
    assert rows(
        engine, "SELECT model_version_id, state, count(*) FROM work_items GROUP BY 1, 2 ORDER BY 1"
    ) == [
        (shop.first.id, "done", everything),
        (shop.second.id, "done", everything),
    ]
    tags = "SELECT model_version_id, count(DISTINCT image_id), count(*) FILTER (WHERE rank = 1) FROM classifications"
    assert rows(engine, f"{tags} GROUP BY 1 ORDER BY 1") == [
        (shop.first.id, everything, everything),
        (shop.second.id, everything, everything),
    ]
    assert shop.shown() == [(2, everything)]
