"""Copies of photos: what is one, what is none, and who has to go."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from models.starter.data import LABELS
from models.starter.sample import load_sample
from models.training.duplicates import Duplicate, find, without
from models.training.looking import Looked, look
from models.training.samples import LabelledPhotos, PhotoPixels, Sample
from models.training.split import Parts

Pixels = npt.NDArray[np.uint8]


def scene(seed: int, side: int = 320) -> Pixels:
    """A product of some colours on white, with a shadow."""
    rng = np.random.default_rng(seed)
    rough = Image.fromarray(rng.integers(0, 200, (7, 7, 3), dtype=np.uint8))
    photo = Image.new("RGB", (side, side), (255, 255, 255))
    size = side * 2 // 3
    photo.paste(rough.resize((size, size), Image.Resampling.BICUBIC), (side // 6, side // 5))
    return np.array(photo)


def looked(*photos: Pixels) -> Looked:
    samples = (
        Sample(PhotoPixels(pixels, f"photo {k}"), str(k), f"list.csv:{k}") for k, pixels in enumerate(photos)
    )
    return look(LabelledPhotos("here", "classify", (), tuple(samples)))


def recompressed(photo: Image.Image, quality: int) -> Image.Image:
    file = BytesIO()
    photo.save(file, "JPEG", quality=quality)
    return Image.open(file)


def cropped(photo: Image.Image, share: float) -> Image.Image:
    edge = round(photo.width * share / 2)
    return photo.crop((edge, edge, photo.width - edge, photo.height - edge))


def brighter(photo: Image.Image) -> Image.Image:
    return Image.eval(photo, lambda value: min(255, int(value * 1.05)))


COPIES = {
    "recompressed": lambda photo: recompressed(photo, 40),
    "half as large": lambda photo: recompressed(photo.resize((160, 160), Image.Resampling.BICUBIC), 80),
    "twice as large": lambda photo: photo.resize((640, 640), Image.Resampling.LANCZOS),
    "cropped by 1 %": lambda photo: cropped(photo, 0.01),
    "brighter": brighter,
}
OTHERS = {
    "mirrored": ImageOps.mirror,
    "turned": lambda photo: photo.rotate(90),
    "negative": ImageOps.invert,
    "cropped by a third": lambda photo: cropped(photo, 0.33),
}


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
def test_copies_are_found(change: object) -> None:
    photos = [scene(k) for k in range(8)]
    copies = [np.array(change(Image.fromarray(photo)).convert("RGB")) for photo in photos]  # type: ignore[operator]
    found = find(looked(*photos, *copies).looks, Parts(tuple(range(8, 16)), (), tuple(range(8))))
    assert found.found == tuple(Duplicate(k, k + 8, "near") for k in range(8))
    assert found.thorough


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_other_photos_are_not(change: object) -> None:
    photos = [scene(k) for k in range(8)]
    others = [np.array(change(Image.fromarray(photo)).convert("RGB")) for photo in photos]  # type: ignore[operator]
    assert not find(looked(*photos, *others).looks, Parts(tuple(range(8, 16)), (), tuple(range(8)))).found


def test_much_alike_clothes_are_not() -> None:
    """Of Fashion-MNIST's sample, the photos that lie closest together."""
    sample = load_sample()
    trousers = sample.photos[sample.labels == LABELS.index("Trouser")]
    found = find(looked(*trousers).looks, Parts(tuple(range(60)), (), tuple(range(60, len(trousers)))))
    assert not found.found


def test_test_stays_whole_and_nobody_learns_from_what_is_measured() -> None:
    a, b, c, d = (scene(k) for k in range(4))
    photos = looked(a, b, c, a, b, a, d, b, c, c)
    parts = Parts(train=(0, 1, 2, 9, 6), val=(3, 4, 8), test=(5, 7))
    found = find(photos.looks, parts)
    assert found.found == (
        *(Duplicate(5, 0, "exact"), Duplicate(7, 1, "exact"), Duplicate(8, 2, "exact")),
        *(Duplicate(5, 3, "exact"), Duplicate(7, 4, "exact"), Duplicate(8, 9, "exact")),
    )
    left = without(parts, found, photos.samples)
    assert (left.train, left.val, left.test) == ((6,), (8,), (5, 7))
    assert [one.origin for one in left.problems] == [f"list.csv:{k}" for k in (0, 1, 2, 3, 4, 9)]
    assert left.problems[0].sentence == (
        "photo 0 is the same photo as photo 5, which is in test; it is not learned from"
    )
    assert "photo 8, which is in val" in left.problems[2].sentence


def test_copies_within_one_split_stay() -> None:
    a, b = scene(0), scene(1)
    assert not find(looked(a, a, b, b).looks, Parts((0, 1), (), (2, 3))).found


def test_empty_splits() -> None:
    assert not find(looked(scene(0)).looks, Parts((0,), (), ())).found
    assert not find(looked().looks, Parts((), (), ())).found


def test_more_photos_than_can_be_compared_one_by_one() -> None:
    photos = [scene(k) for k in range(8)]
    copies = [np.array(recompressed(Image.fromarray(photo), 90)) for photo in photos[:7]]
    looks = looked(*photos, *copies, photos[7]).looks
    parts = Parts(tuple(range(8, 16)), (), tuple(range(8)))
    found = find(looks, parts, most_pairs=63)
    assert not found.thorough
    assert find(looks, parts, most_pairs=64).thorough
    same_hash = {k for k in range(7) if looks.hashes[k] == looks.hashes[k + 8]}
    assert {(one.kept, one.other) for one in found.found} == {(k, k + 8) for k in (*same_hash, 7)}


def test_blocks_have_no_seams() -> None:
    """More photos than are compared at a time, on both sides."""
    rng = np.random.default_rng(0)
    kept = rng.integers(0, 256, (300, 8, 8), dtype=np.uint8)
    others = rng.integers(0, 256, (4200, 8, 8), dtype=np.uint8)
    places = [0, 255, 256, 299]
    twins = [0, 4095, 4096, 4199]
    others[twins] = np.clip(kept[places].astype(int) + 1, 0, 255)
    looks = looked(*kept, *others).looks
    found = find(looks, Parts(tuple(range(300, 4500)), (), tuple(range(300)))).found
    assert [(one.kept, one.other - 300) for one in found] == list(zip(places, twins, strict=True))
