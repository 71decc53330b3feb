"""What a run would take: counted and measured, and silent about what is not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from catalog import filters, holds, rates, stale
from catalog.asset_store import MemoryAssetStore
from catalog.forecast import Forecast, forecast
from catalog.outcomes import ItemKey, Stored
from catalog.rates import Rate
from catalog.sample import Found, found_by_job
from catalog.versions import Version
from models.predictions import Box, Classification, Detection, Detections, Score
from tests.catalog.shop import add_images, add_product, add_version, execute, make_ledger, plan, rows, stored


@pytest.fixture
def store() -> MemoryAssetStore:  # type: ignore[override]
    made = MemoryAssetStore()
    made.ensure_bucket()
    return made


def see(engine: sa.Engine, store: MemoryAssetStore, version: Version, **options: object) -> Forecast:
    with engine.connect() as connection:
        return forecast(connection, store, version, **options)  # type: ignore[arg-type]


def seconds_left(found: Forecast) -> float:
    assert found.done_at is not None
    return (found.done_at - datetime.now(UTC)) / timedelta(seconds=1)


def ran(engine: sa.Engine, photos: int, seconds: float, *versions: int, ago: float = 0.0) -> None:
    """A chunk that a process was done with `ago` seconds ago."""
    with engine.begin() as connection:
        rates.record(connection, photos, seconds, versions)
        newest = "id = (SELECT max(id) FROM chunk_runs)"
        moved = f"UPDATE chunk_runs SET finished_at = now() - :ago * interval '1 second' WHERE {newest}"
        connection.execute(sa.text(moved), {"ago": ago})


def test_a_rate_is_that_of_just_these_versions_by_their_newest_chunks(engine: sa.Engine) -> None:
    ran(engine, 100, 10.0, 2, 1, ago=100)
    ran(engine, 300, 50.0, 1, 2, ago=20)
    ran(engine, 10, 10.0, 1)
    with engine.connect() as connection:
        assert rates.measured(connection, [1, 2], 1) == Rate(pytest.approx(0.15), 400, 1)  # type: ignore[arg-type]
        assert rates.measured(connection, [1], 4) == Rate(1.0, 10, 1)
        assert rates.measured(connection, [3], 1) is None
        assert rates.of_all(connection, 1) == Rate(pytest.approx(70 / 410), 410, 1)  # type: ignore[arg-type]


def test_a_rate_is_that_of_as_many_processes_as_will_work(engine: sa.Engine) -> None:
    """A photo takes one process longer where others are at work on the same machine."""
    ran(engine, 100, 10.0, 1, ago=500)
    for _ in range(4):
        ran(engine, 100, 22.0, 1, ago=100)
    ran(engine, 100, 14.0, 1, ago=51)
    ran(engine, 100, 14.0, 7, ago=50)
    with engine.connect() as connection:
        found = {n: rates.measured(connection, [1], n) for n in (1, 2, 3, 4, 16)}
    assert {n: (rate.at_once, round(rate.seconds, 2)) for n, rate in found.items() if rate} == {
        1: (1, 0.1),
        2: (2, 0.14),
        3: (4, 0.22),
        4: (4, 0.22),
        16: (4, 0.22),
    }


def test_so_many_processes_work_as_did_at_once_lately(engine: sa.Engine) -> None:
    def processes() -> int:
        with engine.connect() as connection:
            return rates.processes(connection)

    ran(engine, 1, 10.0, 1, ago=120)  # before a restart, and counts no more
    ran(engine, 1, 10.0, 1)
    ran(engine, 1, 50.0, 1)
    assert processes() == 2
    execute(engine, "UPDATE chunk_runs SET finished_at = now() - interval '1 hour'")
    assert processes() == 0


def test_old_measurements_are_dropped_along_with_new_ones(engine: sa.Engine) -> None:
    for _ in range(12):
        ran(engine, 1, 1.0, 1)
    execute(engine, "UPDATE chunk_runs SET finished_at = now() - interval '9 days'")
    ran(engine, 2, 1.0, 1)
    assert rows(engine, "SELECT count(*) FROM chunk_runs") == [(3,)]
    ran(engine, 2, 1.0, 1)
    assert rows(engine, "SELECT count(*), min(photos) FROM chunk_runs") == [(2, 2)]


def test_a_forecast_counts_what_lacks_the_version_and_what_waits_before_it(
    engine: sa.Engine, store: MemoryAssetStore
) -> None:
    images, version = add_images(engine, 50), add_version(engine, "type", 2)
    other = add_version(engine, "other")
    add_product(engine, "A", images[:20])
    execute(engine, "UPDATE products SET category = 'Shoes'")
    add_product(engine, "B", images[20:])
    plan(engine, images[:5], version.id)
    plan(engine, images[10:16], other.id)
    held = plan(engine, images[20:], other.id)
    execute(engine, "UPDATE jobs SET held = 'paused' WHERE id = :id", id=held)
    ran(engine, 100, 40.0, version.id)
    ran(engine, 100, 160.0, other.id)
    found = see(engine, store, version)
    assert (found.photos, found.stale, found.waiting, found.ahead) == (50, 45, 5, 11)
    assert found.seconds_a_photo == pytest.approx(0.4)
    assert found.ahead_seconds == pytest.approx(11 * 0.4)  # by what two at once took
    assert found.seconds == pytest.approx(45 * 0.4)
    assert found.processes == 2
    assert found.mask_bytes == 0
    assert seconds_left(found) == pytest.approx((11 * 0.4 + 45 * 0.4) / 2, abs=2)
    for chunk, photos in ((64, 45), (20, 40), (10, 25)):  # the process with the most messages decides
        few = see(engine, store, version, chunk_size=chunk)
        assert seconds_left(few) == pytest.approx(11 * 0.4 / 2 + photos * 0.4, abs=2), chunk
    shoes = see(engine, store, version, products=filters.parse(["category=Shoes"]), processes=4)
    assert (shoes.photos, shoes.stale, shoes.processes) == (20, 15, 4)
    assert see(engine, store, version, lane="fresh").ahead == 0


def test_what_was_never_measured_is_not_guessed(engine: sa.Engine, store: MemoryAssetStore) -> None:
    images, version = add_images(engine, 5), add_version(engine, task="segment")
    add_product(engine, "A", images)
    found = see(engine, store, version)
    assert (found.stale, found.seconds_a_photo, found.seconds, found.done_at) == (5, None, None, None)
    assert found.mask_bytes is None
    ran(engine, 10, 1.0, version.id)
    execute(engine, "UPDATE chunk_runs SET finished_at = now() - interval '1 day'")
    assert see(engine, store, version).done_at is None  # no worker lately
    assert see(engine, store, version, processes=1).done_at is not None
    plan(engine, images[:1], version.id)
    execute(engine, "DELETE FROM chunk_runs")
    assert see(engine, store, version, processes=1).ahead_seconds is None


def test_the_size_of_masks_is_that_of_some_that_are_there(engine: sa.Engine, store: MemoryAssetStore) -> None:
    images, version = add_images(engine, 12), add_version(engine, task="segment")
    add_product(engine, "A", images)
    plan(engine, images[:2], version.id)
    for n, image in enumerate(images[:2]):
        store.put(f"masks/{n}", b"x" * (100 + 100 * n), "image/png")
        for label in "ab":
            execute(
                engine,
                'INSERT INTO segments (image_id, model_version_id, label, score, area, "left", top, "right", bottom, '
                "mask_key) VALUES (:image, :version, :label, 1, 0.5, 0, 0, 1, 1, :key)",
                image=image,
                version=version.id,
                label=label,
                key=f"masks/{n}",
            )
    assert see(engine, store, version).mask_bytes == 10 * 150


def test_a_sample_shows_what_a_job_found(engine: sa.Engine) -> None:
    images = add_images(engine, 3)
    tags, boxes = add_version(engine, "tags").id, add_version(engine, "boxes", task="detect").id
    job, ledger = plan(engine, images, tags, boxes), make_ledger(engine)
    ledger.claim(images, token := uuid4())
    box = Box(0, 0, 5, 5)
    seen = Detections((Detection("Bag", 0.9, box), Detection("Bag", 0.8, box), Detection("Hat", 0.2, box)))
    ledger.settle(
        token,
        [
            *[stored(image, tags) for image in images[:2]],
            Stored(ItemKey(images[2], tags), Classification((Score("Coat", 0.3),))),
            Stored(ItemKey(images[0], boxes), seen),
        ],
    )
    with engine.connect() as connection:
        found = found_by_job(connection, job)
        assert found_by_job(connection, job + 1) == []
    assert found == [
        Found("tags@1", "Shirt", 2, pytest.approx(0.75)),  # type: ignore[arg-type]
        Found("boxes@1", "Bag", 1, pytest.approx(0.9)),  # type: ignore[arg-type]
        Found("tags@1", "Coat", 1, pytest.approx(0.3)),  # type: ignore[arg-type]
    ]


def test_what_was_cancelled_counts_as_stale(engine: sa.Engine) -> None:
    images, version = add_images(engine, 4), add_version(engine).id
    add_product(engine, "A", images)
    job = plan(engine, images, version)
    with engine.begin() as connection:
        holds.act(connection, job, "cancel")
    make_ledger(engine).cancel()
    with engine.connect() as connection:
        assert stale.count(connection, version) == (4, 4)
