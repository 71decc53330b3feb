"""What docs/other-fields.md shows: photos of another field, masks to boxes, and those against two doctors' boxes."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from torch import Tensor, nn
from typer.testing import CliRunner

from models.predictor import Predictor
from models.starter import lesion_set
from models.training.evaluate import data_for, evaluate
from models.training.measure import matched_f1
from models.training.measure.boxes import Boxes, drawn
from models.training.readers import read
from models.training.recipe import Data
from models.training.samples import Instance, Sample
from workers.cli.main import app

PHOTOS, SIDE = 60, 128
TESTED = PHOTOS // lesion_set.TEST_EACH


class Darker(nn.Module):
    """Lesions are what is darker than the photo's mean: enough to have areas, and to err on some photos."""

    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        grey = batch.mean(dim=1)
        usual = grey.mean(dim=(1, 2), keepdim=True) - grey
        return {"segment": 99 * (usual[:, None] - 0.12) * Tensor([-1, 1])[:, None, None]}


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


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


def test_the_same_arguments_give_the_same_set(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "models.starter.lesion_set", "--photos", "7", "--side", "64", "--out"]
    for name in ("one", "other"):
        subprocess.run([*command, str(tmp_path / name)], check=True, capture_output=True)
    one, other = (
        {path.name: path.read_bytes() for path in files(tmp_path / name)} for name in ("one", "other")
    )
    assert one == other
    assert len(one) == 7 * 2 + 2


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


def test_areas_of_a_mask_are_measured_by_doctors_boxes(lesions: Path, predictor: Predictor) -> None:
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


def test_the_command_says_how_far_people_agree(
    lesions: Path, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.training.evaluating.predictor_for", lambda *_: predictor)
    told = ["--data", str(lesions / "doctor_boxes.csv"), "--photos", str(lesions / "images")]
    done = CliRunner().invoke(app, ["evaluate", "lesions", *told, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    agreement = json.loads((tmp_path / "report.json").read_text())["agreement"]
    assert f"f1 on {TESTED} photos that two people labelled: {agreement['people']:.3f} between" in done.output
    assert "Two people, and the model" in (tmp_path / "report.html").read_text()


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


def test_what_the_second_person_says_must_be_a_label_of_the_first(tmp_path: Path) -> None:
    """Else a run would end in an error, once it came to test."""
    for name in "abcd":
        Image.new("RGB", (20, 20)).save(tmp_path / f"{name}.png")
    table = tmp_path / "boxes.csv"
    box = "1,1,9,9"
    table.write_text(f"image,label,second,x,y,w,h\na.png,mole,mole,{box}\na.png,,wart,{box}\nb.png,,,,,,\n")
    found = read(Data(source=str(table)), "detect")
    assert [one.code for one in found.problems] == ["unknown_second"]
    assert [
        [box.label for box in one.second or () if isinstance(box, Instance)] for one in found.samples
    ] == [
        ["mole"],
        [],
    ]

    table = tmp_path / "labels.csv"
    table.write_text("image,label,second\na.png,mole,mole\nb.png,mole,wart\nc.png,scar,mole\nd.png,scar,\n")
    found = read(Data(source=str(table)), "classify")
    assert [(one.code, one.origin) for one in found.problems] == [("unknown_second", f"{table}:3")]
    assert [one.second for one in found.samples] == ["mole", None, "mole", None]
