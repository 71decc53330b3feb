"""The data's fingerprint: another for other pixels, masks, outlines or labels, whatever folder they lie in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from models.training.prepare import prepare
from models.training.recipe import parse
from models.training.samples import TrainableTask
from tests.models.training.labelled import write_json
from tests.models.training.photos import write_boxes, write_class_folders, write_masks

COUNT = 24


def fingerprint(source: Path, task: TrainableTask) -> str:
    networks = {"classify": "torchvision:mobilenet_v2", "detect": "tagmill:ssdlite", "segment": "smp:Unet"}
    seen = {"size": 32, "fit": "squash"}
    network: dict[str, Any] = {"builder": networks[task], "pretrained": "none"}
    if task == "segment":
        network["encoder"] = "mobilenet_v2"
    shares = {"val": 0.25, "test": 0.25}
    told = {
        "name": "bars",
        "task": task,
        "data": {"source": str(source), **shares},
        "network": network,
        "preprocessing": seen,
    }
    return prepare(parse(told, "test")).fingerprint


def coco(folder: Path) -> Path:
    """Outlines of the bars of `write_masks`, more or less."""
    write_masks(folder, COUNT)
    images, annotations = [], []
    for k in range(COUNT):
        images.append({"id": k, "file_name": f"images/bar{k:03d}.png", "width": 40, "height": 40})
        outline = [5, 5, 20, 5, 20, 20, 5, 20]
        annotations.append(
            {
                "id": k,
                "image_id": k,
                "category_id": 1 + k % 2,
                "bbox": [5, 5, 15, 15],
                "segmentation": [outline],
            }
        )
    categories = [{"id": 1, "name": "lying"}, {"id": 2, "name": "upright"}]
    tree = {"images": images, "annotations": annotations, "categories": categories}
    return write_json(folder / "all.json", tree)


def data(folder: Path, kind: str) -> tuple[Path, TrainableTask]:
    if kind == "classes":
        return write_class_folders(folder, COUNT), "classify"
    if kind == "boxes":
        return write_boxes(folder, COUNT), "detect"
    if kind == "masks":
        return write_masks(folder, COUNT), "segment"
    if kind == "boxes from masks":
        return write_masks(folder, COUNT), "detect"
    return coco(folder), "detect" if kind == "boxes with outlines" else "segment"


KINDS = ("classes", "boxes", "masks", "boxes from masks", "outlines", "boxes with outlines")


@pytest.mark.parametrize("kind", KINDS)
def test_the_folder_may_move(tmp_path: Path, kind: str) -> None:
    source, task = data(tmp_path / "here", kind)
    before = fingerprint(source, task)
    (tmp_path / "far").mkdir()
    shutil.move(tmp_path / "here", tmp_path / "far" / "there")
    assert fingerprint(tmp_path / "far" / "there" / source.relative_to(tmp_path / "here"), task) == before


@pytest.mark.parametrize("kind", ["masks", "boxes from masks"])
def test_a_mask_drawn_anew(tmp_path: Path, kind: str) -> None:
    source, task = data(tmp_path, kind)
    before = fingerprint(source, task)
    path = tmp_path / "masks" / "bar003.png"
    mask = Image.open(path).copy()
    left, top, right, bottom = mask.getbbox() or (0, 0, 0, 0)
    mask.putpixel(((left + right) // 2, (top + bottom) // 2), 0)  # its box stays
    mask.save(path)
    assert fingerprint(source, task) != before


def test_a_label_called_otherwise(tmp_path: Path) -> None:
    source, task = data(tmp_path, "masks")
    before = fingerprint(source, task)
    (source / "labels.txt").write_text("standing\nupright\n")
    assert fingerprint(source, task) != before


@pytest.mark.parametrize("kind", ["outlines", "boxes with outlines"])
def test_an_outline_drawn_anew(tmp_path: Path, kind: str) -> None:
    source, task = data(tmp_path, kind)
    before = fingerprint(source, task)
    tree = json.loads(source.read_text())
    tree["annotations"][3]["segmentation"] = [[5, 5, 20, 5, 20, 20]]
    write_json(source, tree)
    assert fingerprint(source, task) != before


def test_the_order_of_boxes_is_nothing(tmp_path: Path) -> None:
    source, task = data(tmp_path, "boxes")
    head, *rows = source.read_text().splitlines()
    rows.append(rows[3].replace("square003.png,bright,", "square003.png,dark,"))
    source.write_text("\n".join([head, *rows]) + "\n")
    before = fingerprint(source, task)
    source.write_text("\n".join([head, *rows[::-1]]) + "\n")
    assert fingerprint(source, task) == before
