"""What docs/other-fields.md shows: photos of another field, masks to boxes, and those against two doctors' boxes."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import Tensor, nn

from models.predictor import Predictor
from models.starter import lesion_set
from models.training.evaluate import data_for, evaluate
from models.training.measure import matched_f1
from models.training.measure.boxes import Boxes, drawn
from models.training.readers import read
from models.training.recipe import Data
from models.training.report import as_document, write_report
from models.training.samples import Sample

PHOTOS, SIDE = 60, 128
TESTED = PHOTOS // lesion_set.TEST_EACH


class Darker(nn.Module):
    """Lesions are what is darker than the photo's mean: enough to have areas, and to err on some photos."""

    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        grey = batch.mean(dim=1)
        usual = grey.mean(dim=(1, 2), keepdim=True) - grey
        return {"segment": 99 * (usual[:, None] - 0.12) * Tensor([-1, 1])[:, None, None]}


def both(sample: Sample) -> tuple[Boxes, Boxes]:
    """The first doctor's boxes and the second's."""
    assert isinstance(sample.second, tuple)
    one, other = (drawn(boxes or (), {"lesion": 0}) for boxes in (sample.instances, sample.second))
    return one, other


@pytest.fixture(scope="module")
def lesions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lesions")
    lesion_set.write(folder, PHOTOS, SIDE)
    return folder


@pytest.fixture
def predictor(make_spec: Any) -> Predictor:
    plain = {"size": SIDE, "fit": "squash", "mean": [0, 0, 0], "std": [1, 1, 1]}
    return Predictor([make_spec(task="segment", labels=["lesion"], preprocessing=plain)], Darker())


def test_masks_become_the_boxes_that_they_were_drawn_from(lesions: Path) -> None:
    found = read(Data(source=str(lesions)), "detect")
    assert (found.labels, found.problems, len(found.samples)) == (("lesion",), (), PHOTOS)
    for sample in found.samples:
        name = Path(sample.photo.name)
        photo = lesion_set.compose(int(name.stem[-4:]), SIDE, unusual=name.parent.name == "test")
        boxes = {(one.box.left, one.box.top, one.box.right, one.box.bottom) for one in sample.instances or ()}
        assert boxes == {lesion.box for lesion in photo.lesions}, name


def test_the_same_arguments_give_the_same_photo() -> None:
    one, other = (lesion_set.compose(7, 64) for _ in range(2))
    assert np.array_equal(one.pixels, other.pixels)
    assert one.lesions == other.lesions


def test_a_table_holds_the_boxes_of_two_people(lesions: Path) -> None:
    table = lesions / "doctor_boxes.csv"
    found = read(Data(source=str(table), photos=str(lesions / "images")), "detect")
    assert not found.problems
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert {row["label"] for row in rows} == {row["second"] for row in rows} == {"lesion", ""}
    first = sum(len(one.instances or ()) for one in found.samples)
    second = sum(len(one.second) for one in found.samples if isinstance(one.second, tuple))
    assert [first, second] == [sum(bool(row[name]) for row in rows) for name in ("label", "second")]
    assert second < first  # the one who overlooks more
    assert {type(one.second) for one in found.samples} == {tuple}  # seen, also where they drew nothing


def test_areas_of_a_mask_are_measured_by_doctors_boxes(
    lesions: Path, predictor: Predictor, tmp_path: Path
) -> None:
    data = data_for(predictor.specs[0], str(lesions / "doctor_boxes.csv"), str(lesions / "images"))
    report = evaluate(predictor, data)
    figures, agreement = report.after.figures, report.after.agreement
    assert report.after.count == TESTED
    assert set(figures) == {"boxes_precision", "boxes_recall", "boxes_iou", "unanswered"}
    assert 0.4 < figures["boxes_recall"] < 1
    assert agreement is not None
    assert (agreement.measure, agreement.count) == ("f1", TESTED)
    tested = [one for one in read(data, "detect").samples if one.split == "test"]
    assert agreement.people == matched_f1(map(both, tested))
    assert agreement.model_first is not None
    assert as_document(report)["agreement"]["model_second"] == agreement.model_second

    page = write_report(tmp_path, report)[1].read_text()
    assert "two people" in page


def test_masks_are_still_measured_by_masks(lesions: Path, predictor: Predictor) -> None:
    figures = evaluate(predictor, data_for(predictor.specs[0], str(lesions), None)).after.figures
    assert "miou" in figures
    assert "boxes_recall" not in figures


@pytest.mark.parametrize(
    ("cells", "code"),
    [(",,1,1,9,9", "no_label"), ("lesion,,,,,", "no_box"), ("lesion,lesion,,,,", "no_box")],
)
def test_half_a_row_is_left_out(tmp_path: Path, cells: str, code: str) -> None:
    for name in "ab":
        Image.new("RGB", (20, 20)).save(tmp_path / f"{name}.png")
    table = tmp_path / "boxes.csv"
    header = "image,label,second,left,top,right,bottom"
    table.write_text(f"{header}\na.png,lesion,lesion,1,1,9,9\nb.png,{cells}\n")
    found = read(Data(source=str(table)), "detect")
    assert [one.code for one in found.problems] == [code]
    assert [one.second for one in found.samples] == [found.samples[0].instances]
