"""Labelled photos to train on, from strangers: COCO's JSON, VOC's XML, tables, masks."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from models.errors import DataError
from models.training.left_out import LeftOut
from models.training.readers import coco, table
from models.training.readers.run_lengths import drawn
from models.training.readers.sources import read_values
from models.training.readers.voc_objects import read_annotation
from models.training.samples import LabelledPhotos
from tests.fuzz.seeds.photos import picture, save
from tests.fuzz.target import Target

_FOLDER = tempfile.TemporaryDirectory()
_HOME = Path(_FOLDER.name)


def check(data: bytes) -> None:
    path = _HOME / "labels.json"
    path.write_bytes(data)
    if data[:4].lstrip()[:1] in (b"{", b"["):
        for task in ("classify", "detect", "segment"):
            _tolerate(lambda task=task: _photos(coco.read(path, task, None)))
        _tolerate(lambda: drawn({"size": [40, 50], "counts": data}))
        return
    if data[:4].lstrip()[:1] == b"<":
        _tolerate(lambda: read_annotation(path))
        return
    _tolerate(lambda: _mask(path))
    _tolerate(lambda: drawn({"size": [40, 50], "counts": data}))
    for task in ("classify", "detect"):
        _tolerate(lambda task=task: _photos(table.read(path, task, None, {})))


def _tolerate(read) -> None:
    try:
        read()
    except (DataError, LeftOut) as error:
        assert len(str(error)) > 10


def _photos(found: LabelledPhotos) -> None:
    for problem in found.problems:
        assert problem.code.isidentifier() and len(problem.sentence) > 10
    for sample in found.samples:
        for one in sample.instances or ():
            assert one.box.area > 0, one.box


def _mask(path: Path) -> None:
    mask = read_values(path)
    assert mask.ndim == 2 and mask.dtype == np.uint8


def _seeds() -> tuple[bytes, ...]:
    tree = {
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": 40, "height": 30},
            {"id": "2", "file_name": "b/c.png"},
        ],
        "categories": [{"id": 1, "name": "shoe"}, {"id": 2, "name": "bag"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "bbox": [1, 2, 10, 12.5],
                "segmentation": [[1, 1, 9, 1, 9, 9]],
            },
            {
                "image_id": 1,
                "category_id": 2,
                "bbox": [0, 0, 40, 30],
                "iscrowd": 1,
                "segmentation": {"size": [30, 40], "counts": [100, 1100]},
            },
            {"image_id": "2", "category_id": 2, "bbox": [3, 3, 4, 4]},
        ],
    }
    xml = b"""<annotation><size><width>40</width><height>30</height></size><object><name>shoe</name>
<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>10</xmax><ymax>12.5</ymax></bndbox></object></annotation>"""
    dtd = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>'
    rows = b"image,label,product,split,left,top,right,bottom\na.jpg,shoe,A,train,1,2,10,12.5\nb.jpg,,B,,,,,\n"
    masks = [save(picture(mode=mode), "PNG") for mode in ("P", "L", "1", "RGB", "I;16")]
    return (json.dumps(tree).encode(), xml, dtd, rows, b"image;label\na.jpg;bag\n", b"52203", *masks)


TARGET = Target("labelled", _seeds, check)
