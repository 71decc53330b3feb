"""Facts of photos through the pipeline: in the same pass as the other models, with the mask that it found."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from catalog import jobs, versions
from catalog.ledger import Ledger
from catalog.retired import collect
from models.decode import Photo, decode
from models.photo import Limits
from models.starter.sample import load_sample
from tests.catalog.shop import execute, rows
from workers import fetching
from workers.fetching import Fetcher
from workers.model_cache import Loaded, ModelCache
from workers.pipeline import Pipeline
from workers.retry import RetryPolicy
from workers.runtime import Runtime
from workers.setup import prepare
from workers.storing import Storer

FACTS = (
    "SELECT colour, masked, background, product_share, model_version_id FROM photo_facts ORDER BY image_id"
)


class Counted:
    """The decoder, and how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, data: bytes, **options: Any) -> Photo:
        self.calls += 1
        return decode(data, **options)


class Backwards(ModelCache):
    """Hands the networks out in the other order."""

    def get(self, version_ids: Any) -> list[Loaded]:
        return super().get(version_ids)[::-1]


def red_shirts(count: int) -> list[bytes]:
    """T-shirts of the sample, dyed, on white."""
    sample = load_sample()
    found = []
    for photo in sample.photos[sample.labels == 0][:count]:
        level = (
            np.asarray(Image.fromarray(photo).resize((256, 256), Image.Resampling.BICUBIC))[..., None] / 255
        )
        pixels = 255 - level.clip(0, 1) ** 0.4 * (np.array([255, 255, 255]) - (200, 25, 30))
        buffer = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
        found.append(buffer.getvalue())
    return found


@pytest.fixture
def shop(runtime: Runtime) -> Runtime:
    prepare(runtime)
    return runtime


def plan(shop: Runtime, photos: Sequence[bytes], models: Sequence[str]) -> list[int]:
    """The photos, owed to these models; their ids."""
    ids = []
    with shop.engine.begin() as connection:
        job = jobs.create(connection, "ingest", "test")
        for number, data in enumerate(photos):
            name = f"{number:064x}"
            shop.store.put(f"images/{name}.png", data, "image/png")
            query = (
                "INSERT INTO images (sha256, object_key, format, bytes, width, height) "
                "VALUES (:name, 'images/' || :name || '.png', 'PNG', 1, 256, 256) "
                "ON CONFLICT (sha256) DO UPDATE SET format = 'PNG' RETURNING id"
            )
            ids.append(int(connection.execute(sa.text(query), {"name": name}).scalar_one()))
        Ledger.plan(connection, job, ids, [versions.find(connection, model).id for model in models])
    return ids


def run(shop: Runtime, ids: Sequence[int], cache: Path, models: type[ModelCache] = ModelCache) -> None:
    ledger = Ledger(shop.engine, lease=timedelta(seconds=60), max_attempts=2, chunk_size=128)
    policy = RetryPolicy(max_attempts=2, first=timedelta(0), max_deferrals=5)
    storer = Storer(ledger, shop.store, policy, 2)
    found = models(shop.engine, shop.store, cache, "cpu")
    fetcher = Fetcher(shop.store, Limits(), 2)
    pipeline = Pipeline(ledger, found, fetcher, storer, policy, store_batch=8, beat_seconds=5, top_up_to=0)
    assert pipeline.run(ids).refused == 0


@pytest.mark.parametrize("models", [ModelCache, Backwards])
def test_facts_are_stored_in_the_same_pass_with_one_decode_and_the_mask(
    shop: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: type[ModelCache]
) -> None:
    decoder = Counted()
    monkeypatch.setattr(fetching, "decode", decoder)
    with shop.engine.connect() as connection:
        every = [version.key for version in versions.for_new_photos(connection)]
    assert "photo-facts@1" in every
    ids = plan(shop, red_shirts(10), every)
    run(shop, ids, tmp_path, models)
    assert decoder.calls == 10
    assert rows(shop.engine, "SELECT DISTINCT state FROM work_items") == [("done",)]
    found = rows(shop.engine, FACTS)
    assert len(found) == 10
    assert [colour for colour, *_ in found].count("red") >= 8
    assert all(masked and background == "packshot" for _, masked, background, *_ in found)
    areas = rows(shop.engine, "SELECT area FROM segments ORDER BY image_id")
    for (*_, share, _), (area,) in zip(found, areas, strict=True):
        assert share == pytest.approx(area, abs=0.02)


def test_facts_alone_go_by_the_grounds_colour(shop: Runtime, tmp_path: Path) -> None:
    ids = plan(shop, red_shirts(4), ["photo-facts"])
    run(shop, ids, tmp_path)
    assert [(colour, masked) for colour, masked, *_ in rows(shop.engine, FACTS)] == [("red", False)] * 4


def test_a_photo_that_cannot_be_read_is_quarantined_for_facts_too(shop: Runtime, tmp_path: Path) -> None:
    good, bad = red_shirts(1)[0], b"no photo"
    ids = plan(shop, [good, bad], ["product-mask", "photo-facts"])
    run(shop, ids, tmp_path)
    query = (
        "SELECT image_id, count(*), min(error_code) FROM work_items WHERE state = 'quarantined' GROUP BY 1"
    )
    assert rows(shop.engine, query) == [(ids[1], 2, "not_an_image")]
    assert len(rows(shop.engine, FACTS)) == 1


def test_facts_of_a_retired_version_are_collected(shop: Runtime, tmp_path: Path) -> None:
    ids = plan(shop, red_shirts(2), ["photo-facts"])
    run(shop, ids, tmp_path)
    execute(
        shop.engine,
        "UPDATE model_versions SET state = 'retired', retired_at = now() - interval '9 days' WHERE task = 'describe'",
    )
    execute(shop.engine, "UPDATE work_items SET finished_at = now() - interval '10 days'")
    assert collect(shop.engine, shop.store, grace=timedelta(days=7)).items == 2
    assert rows(shop.engine, FACTS) == []
