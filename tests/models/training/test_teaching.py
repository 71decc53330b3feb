"""A teacher's masks become pairs that can be learnt from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import DataError
from models.predictor import Predictor, load_predictors
from models.starter.pack import starter_specs
from models.training.teaching import teach
from tests.models.training.labelled import codes, read_as, write_photo


def predictor(name: str) -> Predictor:
    spec = next(one for one in starter_specs() if one.name == name)
    return load_predictors([spec], {spec.weights: Path(spec.weights)})[0]


def shirt(path: Path, left: int) -> None:
    pixels = np.full((120, 160, 3), 240, dtype=np.uint8)
    pixels[30:90, left : left + 50] = (30, 60, 160)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_the_teachers_masks_are_read_as_pairs(tmp_path: Path) -> None:
    photos, folder = tmp_path / "photos", tmp_path / "taught"
    for number in range(3):
        shirt(photos / "summer" / f"{number}.png", 20 + 30 * number)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    told: list[tuple[int, int]] = []
    found = read_as(
        "segment", teach(predictor("product-cutout"), photos, folder, lambda *at: told.append(at))
    )
    assert found.labels == ("product",)
    assert [one.product for one in found.samples] == ["summer/0", "summer/1", "summer/2"]
    assert codes(found) == ["no_mask"]
    assert told[-1] == (4, 4)
    for number, one in enumerate(found.samples):
        assert one.mask is not None
        mask = one.mask.load()
        left = 20 + 30 * number
        assert mask.shape == (120, 160)
        assert mask[35:85, left + 5 : left + 45].mean() > 0.9
        assert mask.sum() < 2 * 60 * 50


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    photos, folder, teacher = tmp_path / "photos", tmp_path / "taught", predictor("product-mask")
    shirt(photos / "a.png", 20)
    teach(teacher, photos, folder)
    before = (folder / "masks" / "a.png").stat().st_mtime_ns
    shirt(photos / "b.png", 60)
    teach(teacher, photos, folder)
    assert (folder / "masks" / "a.png").stat().st_mtime_ns == before
    assert (folder / "masks" / "b.png").exists()


def test_a_teacher_must_segment_and_needs_photos(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no photos"):
        teach(predictor("product-mask"), tmp_path, tmp_path / "taught")
    write_photo(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="product-type@1 does classify"):
        teach(predictor("product-type"), tmp_path, tmp_path / "taught")
    assert not (tmp_path / "taught").exists()
