"""COCO and cut-outs, held to the masks and photos pixel by pixel."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from catalog.errors import BucketMissing, ExportError, StoreUnavailable
from catalog.export.place import Folder
from catalog.export.state import FILE, State, What
from tests.catalog.shop import add_images, add_product, add_version, execute, rows
from tests.workers.pictures import LABELS, Picture, add_mask, add_pictures
from workers.export.run_lengths import segmentation
from workers.export.start import Order, start
from workers.runtime import Runtime

PHOTOS = 7


class Told:
    """Notes what could not be used; with `stop_at`, Ctrl-C after so many ids."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.count = 0
        self.keys: list[str] = []
        self._stop_at = stop_at

    def at(self, done: int, total: int, rows: int) -> None:
        if self._stop_at is not None and done >= self._stop_at:
            raise KeyboardInterrupt

    def failed(self, key: str, reason: Exception) -> None:
        self.count += 1
        self.keys.append(key)


def export(runtime: Runtime, what: What, place: object, told: Told | None = None, **changes: Any) -> State:
    """Three photos a part."""
    fields: dict[str, Any] = {
        "format": None,
        "where": (),
        "models": (),
        "photos_a_part": 3,
        "threads": 2,
        "again": False,
        **changes,
    }
    return start(runtime, Order(what, str(place), **fields), told or Told())[0]


@pytest.fixture
def pictures(runtime: Runtime) -> list[Picture]:
    return add_pictures(runtime, PHOTOS)


def loaded(folder: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(folder / "coco.json"))


# pycocotools speaks to numpy in a way that numpy 2 warns of.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pycocotools_reads_boxes_and_the_very_masks(
    runtime: Runtime, pictures: list[Picture], tmp_path: Path
) -> None:
    add_images(runtime.engine, 1)  # no model has seen it
    state = export(runtime, "coco", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"coco.json", FILE}
    coco = loaded(tmp_path)
    names = {one["id"]: one["name"] for one in coco.loadCats(coco.getCatIds())}
    assert names == {1: "product", 2: "shadow", 3: "Shirt"}
    assert sorted(coco.getImgIds()) == [one.id for one in pictures]
    assert sorted(coco.getAnnIds()) == [*range(1, state.rows + 1)]
    for picture in pictures:
        (image,) = coco.loadImgs(picture.id)
        assert (image["height"], image["width"]) == picture.mask.shape
        found = coco.loadAnns(coco.getAnnIds(imgIds=picture.id))
        (box,) = [one for one in found if one["model"] == "mask-boxes@1"]
        assert (names[box["category_id"]], box["bbox"], box["area"]) == ("Shirt", [1.5, 2, 3.5, 5], 17.5)
        masks = {names[one["category_id"]]: one for one in found if one["model"] == "mask@1"}
        assert len(masks) == len(found) - 1
        drawn = np.zeros_like(picture.mask)
        for number, label in enumerate(LABELS, start=1):
            if label in masks:
                drawn[coco.annToMask(masks[label]) == 1] = number
                y, x = np.nonzero(picture.mask == number)
                size = [x.max() + 1 - x.min(), y.max() + 1 - y.min()]
                assert masks[label]["bbox"] == [x.min(), y.min(), *size]
                assert masks[label]["area"] == len(y)
        assert np.array_equal(drawn, picture.mask)


@pytest.mark.parametrize("first", [0, 1])
def test_run_lengths_begin_with_clear_pixels_and_go_down_columns(first: int) -> None:
    mask = np.array([[first, 1, 0], [0, 1, 1]], bool)
    counts = [0, 1, 1, 2, 1, 1] if first else [2, 2, 1, 1]
    assert segmentation(mask)["segmentation"] == {"size": [2, 3], "counts": counts}


def test_coco_of_one_model_and_of_chosen_products(
    runtime: Runtime, pictures: list[Picture], tmp_path: Path
) -> None:
    export(runtime, "coco", tmp_path, models=["mask-boxes"], where=["sku=SKU-0|SKU-5"])
    document = json.loads((tmp_path / "coco.json").read_text())
    assert [one["name"] for one in document["categories"]] == ["Shirt", "product"]
    assert [one["id"] for one in document["images"]] == [pictures[0].id, pictures[5].id]
    assert [one["segmentation"] for one in document["annotations"]] == [[], []]


def test_coco_of_nothing_is_valid(runtime: Runtime, pictures: list[Picture], tmp_path: Path) -> None:
    export(runtime, "coco", tmp_path, where=["sku=none"])
    assert loaded(tmp_path).getImgIds() == []


def test_coco_is_gone_on_with(runtime: Runtime, pictures: list[Picture], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        export(runtime, "coco", tmp_path / "stopped", Told(stop_at=3))
    assert not (tmp_path / "stopped" / "coco.json").exists()
    export(runtime, "coco", tmp_path / "stopped")
    export(runtime, "coco", tmp_path / "at-once")
    once, stopped = ((tmp_path / name / "coco.json").read_bytes() for name in ("at-once", "stopped"))
    assert once == stopped


def test_coco_killed_while_it_drops_its_fragments_is_whole(
    runtime: Runtime, pictures: list[Picture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[str] = []

    def killed(folder: Folder, name: str) -> None:
        if dropped:
            raise KeyboardInterrupt
        dropped.append(name)
        (folder.path / name).unlink()

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            export(runtime, "coco", tmp_path)
    assert list(tmp_path.glob("*-00000*"))
    assert export(runtime, "coco", tmp_path).finished_at
    assert {path.name for path in tmp_path.iterdir()} == {"coco.json", FILE}
    assert len(loaded(tmp_path).getImgIds()) == PHOTOS


def test_masks_that_cannot_be_used_are_named_and_the_rest_goes_on(
    runtime: Runtime, pictures: list[Picture], tmp_path: Path
) -> None:
    keys = [key for (key,) in rows(runtime.engine, "SELECT DISTINCT mask_key FROM segments")][:2]
    runtime.store.delete(keys[0])
    runtime.store.put(keys[1], b"no PNG", "image/png")
    told = Told()
    state = export(runtime, "coco", tmp_path, told)
    assert {*told.keys} == {*keys}
    assert state.failed == told.count
    found = rows(runtime.engine, "SELECT count(*) FROM segments")[0][0] + PHOTOS
    assert state.rows == found - state.failed
    assert len(loaded(tmp_path).getImgIds()) == PHOTOS


def check_cutout(data: bytes, picture: Picture) -> None:
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode) == ("PNG", "RGBA")
        found = np.asarray(image)
    shown = picture.mask > 0
    assert np.array_equal(found[..., 3], shown * np.uint8(255))
    assert np.array_equal(found[shown][:, :3], picture.pixels[shown])
    assert not found[~shown].any()


def index(folder: Path) -> list[dict[str, str]]:
    found = []
    for path in sorted(folder.glob("index-*.csv")):
        with path.open(newline="") as file:
            found += list(csv.DictReader(file))
    return found


def test_cutouts_are_the_photos_pixels_where_the_mask_has_a_label(
    runtime: Runtime, pictures: list[Picture], tmp_path: Path
) -> None:
    add_product(runtime.engine, "=twice", [pictures[2].id])
    state = export(runtime, "cutouts", tmp_path)
    found = index(tmp_path)
    assert [(row["sku"], int(row["image_id"])) for row in found if row["sku"] != "'=twice"] == [
        (f"SKU-{number}", picture.id) for number, picture in enumerate(pictures)
    ]
    assert [int(row["image_id"]) for row in found if row["sku"] == "'=twice"] == [pictures[2].id]
    for row in found:
        (picture,) = [one for one in pictures if one.id == int(row["image_id"])]
        assert row["key"] == f"{picture.sha256[:2]}/{picture.sha256[2:4]}/{picture.sha256}.png"
        check_cutout((tmp_path / row["key"]).read_bytes(), picture)
    assert (state.rows, state.failed) == (PHOTOS, 0)


def test_cutouts_in_a_bucket(runtime: Runtime, pictures: list[Picture]) -> None:
    other = runtime.store.in_bucket(f"media-{uuid4().hex[:20]}")
    with pytest.raises(BucketMissing):
        export(runtime, "cutouts", f"s3://{other.bucket}/shop/cut")
    other.ensure_bucket()
    with pytest.raises(KeyboardInterrupt):
        export(runtime, "cutouts", f"s3://{other.bucket}/shop/cut", Told(stop_at=3))
    export(runtime, "cutouts", f"s3://{other.bucket}/shop/cut")
    assert len([*other.list("shop/cut/index-")]) == 3
    for picture in pictures:
        key = f"shop/cut/{picture.sha256[:2]}/{picture.sha256[2:4]}/{picture.sha256}.png"
        check_cutout(other.get(key), picture)
    with pytest.raises(ExportError, match="holds other things"):
        export(runtime, "cutouts", f"s3://{other.bucket}/shop")


def test_photos_that_cannot_be_used_are_listed_and_the_rest_goes_on(
    runtime: Runtime, pictures: list[Picture], tmp_path: Path
) -> None:
    missing, damaged, other_size = pictures[:3]
    keys = dict(rows(runtime.engine, "SELECT id, object_key FROM images"))
    runtime.store.delete(keys[missing.id])
    runtime.store.put(keys[damaged.id], runtime.store.get(keys[damaged.id])[:200], "image/png")
    runtime.store.put(keys[other_size.id], runtime.store.get(keys[pictures[3].id]), "image/png")
    told = Told()
    state = export(runtime, "cutouts", tmp_path, told)
    assert (state.rows, state.failed, told.count) == (PHOTOS - 3, 3, 3)
    errors = {int(row["image_id"]): row["error"] for row in index(tmp_path) if not row["key"]}
    assert "is not there" in errors[missing.id]
    assert "ends too early" in errors[damaged.id]
    assert "the mask is" in errors[other_size.id]
    assert len([*tmp_path.rglob("*.png")]) == PHOTOS - 3


def test_what_is_there_is_not_made_again_unless_all_is(
    runtime: Runtime, pictures: list[Picture], tmp_path: Path
) -> None:
    first = pictures[0]
    path = tmp_path / first.sha256[:2] / first.sha256[2:4] / f"{first.sha256}.png"
    with pytest.raises(KeyboardInterrupt):
        export(runtime, "cutouts", tmp_path, Told(stop_at=0))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"there")
    export(runtime, "cutouts", tmp_path)
    assert path.read_bytes() == b"there"
    other = add_version(runtime.engine, "mask", 2, task="segment", labels=LABELS)
    changed = Picture(first.id, first.sha256, first.pixels, 1 - np.minimum(first.mask, 1))
    add_mask(runtime, changed, other.id, other.key)
    execute(runtime.engine, "UPDATE model_versions SET state = 'retired' WHERE task = 'segment'")
    execute(runtime.engine, "UPDATE model_versions SET state = 'serving' WHERE id = :id", id=other.id)
    export(runtime, "cutouts", tmp_path, again=True)
    check_cutout(path.read_bytes(), changed)
    assert [int(row["image_id"]) for row in index(tmp_path)] == [first.id]


def test_a_store_that_is_away_stops_the_export_and_it_can_be_gone_on_with(
    runtime: Runtime, pictures: list[Picture], tmp_path: Path
) -> None:
    elsewhere = runtime.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"})
    broken = Runtime(elsewhere)
    with pytest.raises(StoreUnavailable):
        export(broken, "cutouts", tmp_path)
    broken.engine.dispose()
    assert not [*tmp_path.rglob("*.png")]
    assert export(runtime, "cutouts", tmp_path).rows == PHOTOS


def test_one_mask_makes_cutouts_and_formats_and_places_are_checked(
    runtime: Runtime, pictures: list[Picture], tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="leave --format out"):
        export(runtime, "coco", tmp_path, format="csv")
    with pytest.raises(ExportError, match="only cutouts go to s3"):
        export(runtime, "tags", "s3://bucket/tags")
    add_version(runtime.engine, "fine", task="segment", labels=LABELS)
    with pytest.raises(ExportError, match="choose one of fine@1, mask@1 with --model"):
        export(runtime, "cutouts", tmp_path)
    assert export(runtime, "cutouts", tmp_path, models=["mask"]).rows == PHOTOS
