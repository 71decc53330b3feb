"""Specs, recipes, weights and labels: files that come with a model or a data set."""

from __future__ import annotations

import io
import json
import pickle
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import save

from models.training import recipe
from tests.fuzz.seeds.photos import picture
from tests.fuzz.seeds.photos import save as save_photo

SPEC = """name: shoes
version: 1
task: classify
builder: torchvision:resnet18
weights: shoes.safetensors
sha256: a000000000000000000000000000000000000000000000000000000000000000
labels: [boot, sandal, "yes"]
preprocessing: {size: 224, fit: crop, resize: 256, mean: [0.5, 0.5, 0.5], std: [1, 1, 1]}
options: {top_k: 3, threshold: 0.5, class_ids: [0, 1, 2], builder: {width: 2}}
metrics: {accuracy: 0.9}
training: {when: "2026-11-29", nested: {a: [1, 2, {b: null}]}}
description: |
  Shoes.
"""
ODD = """name: &a [*a]
version: 2026-02-30
task: !!python/object:os.system x
labels: !!binary aGk=
weights: 12:30:45
<<: {a: 1}
"""
XML = """<annotation><size><width>40</width><height>30</height></size><object><name>shoe</name>
<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>10</xmax><ymax>12.5</ymax></bndbox></object></annotation>"""
DTD = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>'
ROWS = "image,label,product,split,left,top,right,bottom\na.jpg,shoe,A,train,1,2,10,12.5\nb.jpg,,B,,,,,\n"


@cache
def specs() -> tuple[bytes, ...]:
    """Specs and recipes, and ten lines of aliases that stand for a billion values."""
    aliases = "".join(f" a{n}: &a{n} [{f'*a{n - 1}, ' * 9 if n else 'x'}]\n" for n in range(10))
    recipes = (path.read_bytes() for path in sorted(Path(str(recipe.SHIPPED)).glob("*.yaml")))
    texts = (SPEC, ODD, SPEC.replace("training: ", f"training:\n{aliases} x: "), "a: " + "- " * 200)
    return (*(text.encode() for text in texts), *recipes, b'{"name": "shoes", "version": 1, "task": "embed"}')


class Gadget:
    """A pickle that makes the file `path` when it is loaded."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return self._path.touch, ()


def weights(run: Path) -> tuple[bytes, ...]:
    """State dicts in all forms, and pickles that would make the file `run`."""
    tensors = {
        "a.weight": torch.arange(6.0).reshape(2, 3),
        "b": torch.zeros(2, dtype=torch.int64),
        "c": torch.ones(2).half(),
    }
    wrapped = {"state_dict": {f"module.{name}": value for name, value in tensors.items()}, "epoch": 1}
    gadget = {"a": Gadget(run)}
    saved = (_saved(tensors), _saved(tensors, old=True), _saved(wrapped), _saved(gadget))
    return (save(tensors), *saved, pickle.dumps(Gadget(run)))


def _saved(value: object, *, old: bool = False) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=not old)
    return file.getvalue()


@cache
def labels() -> tuple[bytes, ...]:
    """COCO, VOC, tables, run lengths and masks."""
    outline = {"size": [30, 40], "counts": [100, 1100]}
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
            {"image_id": 1, "category_id": 2, "bbox": [0, 0, 40, 30], "iscrowd": 1, "segmentation": outline},
            {"image_id": "2", "category_id": 2, "bbox": [3, 3, 4, 4]},
        ],
    }
    texts = (json.dumps(tree), XML, DTD, ROWS, "image;label\na.jpg;bag\n", "52203")
    masks = (save_photo(picture(mode=mode), "PNG") for mode in ("P", "L", "1", "RGB", "I;16"))
    return (*(text.encode() for text in texts), *masks)
