"""Neighbours of photos by two embedders, whose vectors may differ in width."""

from __future__ import annotations

import math

import pytest
import sqlalchemy as sa

from catalog import diff
from catalog.errors import NotComparable
from catalog.filters import Filter
from catalog.neighbours import CategoryKept, NeighbourDiff, diff_neighbours
from catalog.snapshot import snapshot
from tests.catalog.compared import add_pair, embedded, say
from tests.catalog.shop import add_images, add_product


def compare(engine: sa.Engine, limit: int = 5) -> NeighbourDiff:
    with snapshot(engine) as connection:
        pair = diff.pair(connection, "thing@2", None)
        return diff_neighbours(connection, pair, Filter(), limit)


def test_neighbours_that_stay_and_go(engine: sa.Engine) -> None:
    """Twelve photos along an arc; the new version moves the first to the other end, in three dimensions."""
    old, new = add_pair(engine, "embed", labels=[])
    images = add_images(engine, 12)
    for place, image in enumerate(images):
        add_product(engine, f"P-{place}", [image])
        moved = 12 if place == 0 else place
        say(engine, old, image, embedded(math.cos(place / 10), math.sin(place / 10)))
        say(engine, new, image, embedded(math.cos(moved / 10), math.sin(moved / 10), 0.5))
    found = compare(engine)
    assert (found.pool, found.sampled, found.neighbours) == (12, 12, 10)
    # Each has 11 others and 10 neighbours: only the farthest is missing, and another one where the first moved.
    by_sku = {one.photo.sku: one for one in compare(engine, limit=12).examples}
    first, middle = by_sku["P-0"], by_sku["P-1"]
    assert [one.sku for one in first.before] == [f"P-{n}" for n in range(1, 11)]
    assert [one.sku for one in first.after] == [f"P-{n}" for n in range(11, 1, -1)]
    assert first.kept == 9
    assert "P-0" in {one.sku for one in middle.before}
    assert "P-0" not in {one.sku for one in middle.after}
    assert found.kept == pytest.approx(sum(one.kept for one in by_sku.values()) / 12)
    assert sum(found.counts) == 12
    assert found.categories == (CategoryKept(None, 12, found.kept),)
    assert len(found.examples) == 5
    assert found.examples[0].kept == min(one.kept for one in by_sku.values())


def test_a_single_photo_has_no_neighbours(engine: sa.Engine) -> None:
    old, new = add_pair(engine, "embed", labels=[])
    (image,) = add_images(engine, 1)
    say(engine, old, image, embedded(1, 0))
    say(engine, new, image, embedded(1, 0))
    with pytest.raises(NotComparable, match="no product"):
        compare(engine)
    add_product(engine, "ALONE", [image])
    with pytest.raises(NotComparable, match="single photo"):
        compare(engine)


def test_few_photos_have_few_neighbours(engine: sa.Engine) -> None:
    old, new = add_pair(engine, "embed", labels=[])
    images = add_images(engine, 3)
    add_product(engine, "P", images)
    for image in images:
        for version in (old, new):
            say(engine, version, image, embedded(1, image))
    found = compare(engine)
    assert (found.neighbours, found.kept, found.counts) == (2, 2.0, (0, 0, 3))
