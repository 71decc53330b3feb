"""The page of a comparison, for each task, from rows in Postgres and objects in the store."""

from __future__ import annotations

import numpy as np
import pytest
import sqlalchemy as sa

from catalog.asset_store import S3AssetStore
from catalog.diff import diff_labels, pair, photos_done
from catalog.diff_examples import examples
from catalog.filters import Filter
from catalog.neighbours import diff_neighbours
from catalog.snapshot import snapshot
from models.photo import Limits
from models.runs import Runs
from tests.catalog.compared import add_pair, classified, detected, embedded, say, segmented
from tests.catalog.shop import add_images, add_product, add_version, execute
from tests.workers.pages.html import EVIL, Page, assert_stands_alone
from tests.workers.pages.test_pictures import photo
from workers.masks import encode_mask
from workers.pages.diff import Compared, render
from workers.pages.thumbnails import Objects


@pytest.fixture
def images(engine: sa.Engine, store: S3AssetStore) -> list[int]:
    """Four photos of 40 x 30 of a product each; the last cannot be decoded. Names are hostile."""
    made = add_images(engine, 4)
    for number, image in enumerate(made, start=1):
        add_product(engine, f"{number}{EVIL}", [image])
        data = photo((40, 30))
        store.put(f"images/{number}", data if number < 4 else data[:100], "image/jpeg")
    execute(engine, "UPDATE products SET category = :evil, title = :evil", evil=EVIL)
    return made


def page_of(
    engine: sa.Engine, store: S3AssetStore, named: tuple[str, str | None] = ("thing@2", None)
) -> Page:
    with snapshot(engine) as connection:
        versions = pair(connection, *named)
        photos = photos_done(connection, versions, Filter())
        if versions.old.task == "embed":
            found = diff_neighbours(connection, versions, Filter(), 10)
            compared = Compared(versions, photos, found)
        else:
            changed = diff_labels(connection, versions, Filter(), 10)
            shown = examples(connection, versions, changed.examples)
            compared = Compared(versions, photos, changed, shown)
    page = Page(render(compared, Objects(store, Limits(), 2)))
    assert_stands_alone(page)
    assert not page.all("script")
    return page


def test_classified(engine: sa.Engine, store: S3AssetStore, images: list[int]) -> None:
    old, new = add_pair(engine, labels=["Shirt", EVIL])
    for image in images:
        say(engine, old, image, classified(Shirt=0.75))
        say(engine, new, image, classified(**{EVIL: 0.625}) if image != images[0] else classified(Shirt=0.75))
    page = page_of(engine, store)
    assert "3 of 4 products would change" in page.text
    assert f"Shirt → {EVIL}" in page.text
    assert "0.75 → 0.62" in page.text
    assert "tagmill models promote thing@2" in page.text
    assert len(page.all("img")) == 2
    assert page.of_class("none") == 1
    assert "the JPEG ends too early" in page.text


def test_boxes_are_drawn_in_photo_pixels(engine: sa.Engine, store: S3AssetStore, images: list[int]) -> None:
    old, new = add_pair(engine, "detect")
    say(engine, old, images[0], detected("Shirt", "Bag"))
    say(engine, new, images[0], detected("Coat", "Bag"))
    page = page_of(engine, store)
    assert [svg["viewbox"] for svg in page.all("svg")] == ["0 0 40 30", "0 0 40 30"]
    boxes = [rect["class"] for rect in page.all("rect") if (rect["class"] or "").startswith("box")]
    assert sorted(" ".join((name or "").split()) for name in boxes) == [
        "box",
        "box",
        "box gained",
        "box lost",
    ]
    assert page.all("rect")[1]["width"] == "8.0"
    assert "thing@1 sees it" in str(page.all("img")[0]["alt"])


def test_masks_are_laid_over_and_their_iou_is_told(
    engine: sa.Engine, store: S3AssetStore, images: list[int]
) -> None:
    old, new = add_pair(engine, "segment", labels=["shoe"])
    mask = np.zeros((30, 40), np.uint8)
    mask[:20] = 1
    store.put("masks/old.png", encode_mask(Runs.of(mask)), "image/png")
    mask[10:] = 0
    store.put("masks/new.png", encode_mask(Runs.of(mask)), "image/png")
    say(engine, old, images[0], segmented(shoe=0.67), "masks/old.png")
    say(engine, new, images[0], segmented(shoe=0.33), "masks/new.png")
    say(engine, old, images[1], segmented(shoe=0.67), "masks/gone.png")
    say(engine, new, images[1], segmented(), "masks/new.png")
    page = page_of(engine, store)
    assert page.of_class("mask") == 2
    assert page.text.count("IoU 0.50") == 1
    assert "67 % → 33 %" in page.text
    assert "shoe resized" in page.text
    assert "shoe lost" in page.text


def test_segmenters_with_other_labels(engine: sa.Engine, store: S3AssetStore, images: list[int]) -> None:
    old, _ = add_pair(engine, "segment", labels=["shoe"])
    other = add_version(engine, "other", task="segment", labels=["sole", "upper"])
    whole = np.ones((30, 40), np.uint8)
    store.put("masks/old.png", encode_mask(Runs.of(whole)), "image/png")
    store.put("masks/new.png", encode_mask(Runs.of(whole * 2)), "image/png")
    say(engine, old, images[0], segmented(shoe=1.0), "masks/old.png")
    say(engine, other, images[0], segmented(upper=1.0), "masks/new.png")
    page = page_of(engine, store, ("thing", "other"))
    assert "shoe → upper" in page.text
    assert "IoU 0.00" in page.text


def test_neighbours_that_differ_are_framed(engine: sa.Engine, store: S3AssetStore, images: list[int]) -> None:
    old, new = add_pair(engine, "embed", labels=[])
    for image in images:
        for version in (old, new):
            say(engine, version, image, embedded(1, image))
    page = page_of(engine, store)
    assert "3.0 of 3 nearest neighbours stay" in page.text
    assert page.of_class("other") == 0
    assert page.of_class("strip") == 4


def test_nothing_changed(engine: sa.Engine, store: S3AssetStore, images: list[int]) -> None:
    old, new = add_pair(engine)
    for version in (old, new):
        say(engine, version, images[0], classified(Shirt=0.75))
    page = page_of(engine, store)
    assert "None of 1 product would change" in page.text
    assert not page.all("img")
