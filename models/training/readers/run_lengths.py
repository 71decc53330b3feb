"""COCO's run lengths to a mask: how many pixels are clear, then set, then clear …, column by column.

`pycocotools.mask.decode` does it as well, but speaks to numpy in a way that numpy 2 warns of, and will refuse. The
packed form is that of `rleFrString` in https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.errors import DataError
from models.training.samples import Mask


def drawn(rle: Mapping[str, Any]) -> Mask:
    """uint8 (height, width): 1 in the object. Raises DataError where the runs do not fill the size."""
    height, width = rle["size"]
    counts = rle["counts"]
    runs = np.array(_unpacked(counts) if isinstance(counts, (bytes, str)) else counts, dtype=object)
    if not all(0 <= run <= height * width for run in runs) or sum(runs) != height * width:
        raise DataError(
            f"the run lengths of an outline are damaged: they do not add up to {height} x {width}"
        )
    values = np.arange(len(runs)) % 2
    columns = np.repeat(values.astype(np.uint8), runs.astype(np.int64)).reshape(width, height)
    return np.ascontiguousarray(columns.T)


def _unpacked(counts: bytes | str) -> Sequence[int]:
    """Each run is five bits a character, the lowest first, from the third on less the run two before it."""
    runs: list[int] = []
    value, shift = 0, 0
    for character in counts.encode("utf-8") if isinstance(counts, str) else counts:
        bits = character - 48
        if not 0 <= bits < 64:
            raise DataError(
                f"the run lengths of an outline are damaged: {chr(character)!r} is none of their letters"
            )
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value, shift = 0, 0
    return runs
