"""Photos of strangers on their way into a page."""

from __future__ import annotations

import base64
import io
import time

import numpy as np
import pytest
from PIL import Image

from catalog.asset_store import S3AssetStore
from catalog.errors import ObjectMissing, ObjectTooLarge, StoreUnavailable
from models.errors import PhotoError, TooManyPixels, Truncated
from models.photo import Limits
from models.runs import Runs
from workers.masks import decode_mask, encode_mask
from workers.pages import pictures
from workers.pages.thumbnails import Objects


def photo(size: tuple[int, int], format: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, format, **options)
    return buffer.getvalue()


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_photo_is_made_small_and_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert opened(pictures.photo(photo((400, 200), exif=exif), 100)).size == (50, 100)
    assert opened(pictures.photo(photo((40, 20)), 100)).size == (40, 20)


def test_limits_hold() -> None:
    with pytest.raises(TooManyPixels):
        pictures.photo(photo((400, 200)), 100, Limits(max_pixels=1000))
    with pytest.raises(TooManyPixels):
        decode_mask(photo((400, 200), "PNG"), Limits(max_pixels=1000))


def test_a_stored_mask_is_its_label_numbers() -> None:
    for top in (1, 3):
        mask = np.zeros((5, 9), np.uint8)
        mask[1:3, 2:7] = top
        assert (decode_mask(encode_mask(Runs.of(mask)), Limits()) == mask).all()


def test_one_bad_object_costs_only_itself(store: S3AssetStore) -> None:
    store.put("images/good.jpg", photo((300, 200)), "image/jpeg")
    store.put("images/cut.jpg", photo((300, 200))[:2000], "image/jpeg")
    store.put("images/large.jpg", photo((300, 200)), "image/jpeg")
    seen: list[tuple[int, int]] = []
    objects = Objects(store, Limits(max_bytes=100_000), 2, lambda done, total: seen.append((done, total)))
    keys = ["images/good.jpg", "images/cut.jpg", "images/none.jpg"]
    good, cut, none = objects.map(lambda key: objects.photo(key, 60), keys)
    assert isinstance(good, str)
    assert isinstance(cut, Truncated)
    assert isinstance(none, ObjectMissing)
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert isinstance(Objects(store, Limits(max_bytes=10), 1).photo("images/large.jpg", 60), ObjectTooLarge)
    assert isinstance(objects.mask("images/cut.jpg"), PhotoError)


def test_objects_are_decoded_one_at_a_time(store: S3AssetStore) -> None:
    store.put("images/good.jpg", photo((300, 200)), "image/jpeg")
    objects, at_work, most = Objects(store, Limits(), 4), 0, 0

    def decode(_: bytes) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        time.sleep(0.02)
        at_work -= 1

    objects.map(lambda key: objects.read(key, decode), ["images/good.jpg"] * 8)
    assert most == 1


def test_a_store_that_serves_nothing_is_said_at_once() -> None:
    away = S3AssetStore.connect("http://127.0.0.1:9", "access-key", "secret-key", "tagmill", retries=0)
    asked: list[str] = []
    with pytest.raises(StoreUnavailable):
        Objects(away, Limits(), 1).map(asked.append, ["images/good.jpg"])
    assert not asked
