"""Labelled photos to train on, from strangers: COCO's JSON, VOC's XML, tables, masks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.errors import DataError
from models.training.left_out import LeftOut
from models.training.readers import coco, table
from models.training.readers.run_lengths import drawn
from models.training.readers.sources import read_values
from models.training.readers.voc_objects import read_annotation
from models.training.samples import LabelledPhotos
from tests.fuzz.seeds.described import labels
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


def _tolerate(read: Callable[[], object]) -> None:
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


TARGET = Target("labelled", labels, check)
