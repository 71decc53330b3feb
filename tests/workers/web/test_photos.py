"""Photos, small ones, cut-outs and masks, as browsers get them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from catalog.asset_store import thumbnail_key
from models.colour import Pixels
from tests.catalog.shop import rows
from tests.workers.pictures import Picture, add_pictures
from tests.workers.web.conftest import Visit
from workers.runtime import Runtime
from workers.web.photos import SIDES, colour


@pytest.fixture
def pictures(runtime: Runtime) -> list[Picture]:
    return add_pictures(runtime, 2)


def seen(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_a_photo_is_whole_and_is_kept_by_browsers(visitor: TestClient, pictures: list[Picture]) -> None:
    first = visitor.get(f"/photos/{pictures[0].id}")
    assert first.headers["content-type"] == "image/jpeg"
    assert "immutable" in first.headers["cache-control"]
    assert "private" in first.headers["cache-control"]
    assert "sandbox" in first.headers["content-security-policy"]
    assert seen(first.content).shape == pictures[0].pixels.shape
    again = visitor.get(f"/photos/{pictures[0].id}", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_nobody_is_told_where_and_with_what_a_photo_was_taken(
    visitor: TestClient, runtime: Runtime, pictures: list[Picture]
) -> None:
    told, made, said = Image.Exif(), io.BytesIO(), b"taken at home by Anna"
    told[0x0112], told[0x010E] = 6, said.decode()
    told.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)  # GPS latitude
    Image.new("RGB", (40, 30), (250, 0, 0)).save(made, "JPEG", exif=told, comment=said, quality=95)
    assert said in made.getvalue()
    one = pictures[0]
    ((key,),) = rows(runtime.engine, "SELECT object_key FROM images WHERE id = :id", id=one.id)
    runtime.store.put(key, made.getvalue(), "image/jpeg")
    for path in (f"/photos/{one.id}", f"/photos/{one.id}/thumb/160"):
        answer = visitor.get(path)
        photo = Image.open(io.BytesIO(answer.content))
        assert photo.size == (30, 40)  # the right way up
        assert not photo.getexif()
        assert said not in answer.content
        np.testing.assert_allclose(seen(answer.content).mean((0, 1)), (250, 0, 0), atol=4)


def test_a_thumbnail_is_made_once_the_right_way_up_and_without_metadata(
    visitor: TestClient, runtime: Runtime, pictures: list[Picture]
) -> None:
    turned = pictures[1]
    answer = visitor.get(f"/photos/{turned.id}/thumb/160")
    assert answer.headers["content-type"] == "image/webp"
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.size == turned.pixels.shape[1::-1]
    assert not picture.getexif()
    key = thumbnail_key(turned.sha256, 160)
    assert runtime.store.get(key) == answer.content
    runtime.store.put(key, b"kept", "image/webp")
    assert visitor.get(f"/photos/{turned.id}/thumb/160").content == b"kept"


def test_only_a_few_sizes_are_made(visitor: TestClient, pictures: list[Picture]) -> None:
    for side in (0, 161, 100_000, -160):
        assert visitor.get(f"/photos/{pictures[0].id}/thumb/{side}").status_code == 404
        assert visitor.get(f"/photos/{pictures[0].id}/cutout?side={side}").status_code == 404
    assert visitor.get(f"/photos/{pictures[0].id}/thumb/wide").status_code == 422
    assert SIDES == (160, 320, 640, 1280)


def test_a_mask_lies_over_its_photo_a_colour_a_label(visitor: TestClient, pictures: list[Picture]) -> None:
    first = pictures[0]
    for model in ("mask", "mask@1"):
        overlay = seen(visitor.get(f"/masks/{first.id}/{model}").content)
        times = len(overlay) // len(first.mask)  # so that the outline is thin
        assert times > 1
        overlay = overlay[::times, ::times]
        assert overlay.shape == (*first.mask.shape, 4)
        np.testing.assert_array_equal(overlay[..., 3] > 0, first.mask > 0)
        for number in (1, 2):
            assert set(map(tuple, overlay[first.mask == number][:, :3])) == {colour(number)}
    for model in ("mask@2", "mask@x", "other", "mask@1@1", "%00", "'--"):
        assert visitor.get(f"/masks/{first.id}/{model}").status_code in (404, 422)


def test_a_cutout_shows_the_product_alone(visitor: TestClient, pictures: list[Picture]) -> None:
    for one in pictures:
        answer = visitor.get(f"/photos/{one.id}/cutout")
        cut = Image.open(io.BytesIO(answer.content))
        assert cut.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(cut)[..., 3] > 127, one.mask > 0)


def test_a_photo_that_is_gone_is_told_to_programs_and_shown_to_people(
    visitor: TestClient, runtime: Runtime, pictures: list[Picture]
) -> None:
    gone, broken = pictures
    ((key,),) = rows(runtime.engine, "SELECT object_key FROM images WHERE id = :id", id=gone.id)
    runtime.store.delete(key)
    ((key,),) = rows(runtime.engine, "SELECT object_key FROM images WHERE id = :id", id=broken.id)
    runtime.store.put(key, b"<svg onload=alert(1)>", "image/svg+xml")
    for path in (f"/photos/{gone.id}", f"/photos/{broken.id}", "/photos/999", f"/photos/{gone.id}/thumb/320"):
        told = visitor.get(path)
        assert told.status_code == 404
        assert told.json()["status"] == 404
        assert "s3" not in told.text
        shown = visitor.get(path, headers={"accept": "image/avif,image/webp,*/*"})
        assert (shown.status_code, shown.headers["content-type"]) == (404, "image/png")
        assert shown.headers["cache-control"] == "no-store"
        assert seen(shown.content).shape == (320, 320, 2)


def test_ids_that_are_none_are_refused(visitor: TestClient) -> None:
    for number in ("0", "-1", "x", str(2**63), "9" * 5000, "1.5", "%00"):
        assert visitor.get(f"/photos/{number}").status_code == 422


def test_a_store_that_is_away_is_told_without_its_name(visit: Visit, pictures: list[Picture]) -> None:
    answer = visit(s3_bucket="no-such-bucket").get(f"/photos/{pictures[0].id}")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "bucket" not in answer.text
