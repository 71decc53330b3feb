"""Objects from masks: each connected area of a label is one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from models.errors import DataError
from models.training.checking import label_values
from models.training.left_out import LeftOut
from models.training.readers.components import areas
from models.training.readers.runs import encoded, pycocotools
from models.training.samples import Instance, Mask, Problem, Sample

SPECK = 9
"""Areas of fewer pixels are slips of the brush, and no objects."""


def with_boxes(samples: Sequence[Sample], labels: Sequence[str]) -> tuple[list[Sample], list[Problem]]:
    """The samples with instances in place of their masks, and what had to be left out."""
    pycocotools()
    found, problems = [], []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for sample, problem in pool.map(partial(_boxed, labels=labels), samples):
            found += [sample] if sample else []
            problems += [problem] if problem else []
    return found, problems


def _boxed(sample: Sample, labels: Sequence[str]) -> tuple[Sample | None, Problem | None]:
    assert sample.mask is not None
    try:
        mask = sample.mask.load()
        instances, specks = _objects(mask, labels, label_values(mask, sample.mask.name, len(labels)))
    except DataError as error:
        return None, Problem(sample.origin, "bad_mask", str(error))
    except LeftOut as why:
        return None, why.at(sample.origin)
    problem = None
    if specks:
        sentence = (
            f"{specks} areas of fewer than {SPECK} pixels in {sample.mask.name} are no objects; wipe them out"
        )
        problem = Problem(sample.origin, "specks", sentence)
    if specks and not instances:
        return None, problem
    height, width = mask.shape
    return replace(sample, mask=None, instances=tuple(instances), size=(width, height)), problem


def _objects(mask: Mask, labels: Sequence[str], values: Sequence[int]) -> tuple[list[Instance], int]:
    found, specks = [], 0
    for value in values:
        for area in areas(mask == value):
            if area.pixels < SPECK:
                specks += 1
            else:
                found.append(Instance(labels[value - 1], area.box, encoded(area.drawn(*mask.shape))))
    return found, specks
