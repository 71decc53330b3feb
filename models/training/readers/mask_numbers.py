"""What the numbers in a folder of masks mean, as far as `labels.txt` or the masks themselves say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import DataError
from models.training.checking import values_in
from models.training.readers.sources import read_values
from models.training.samples import IGNORED

FOREGROUND = "foreground"
MOST_UNNAMED = 20
"""No label without a name has a number beyond this one where 255 stands beside it; nor are there more of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """`labels` from value 1 on; `values` uint8 (256,) turns a number of a mask into such a value."""

    labels: tuple[str, ...]
    values: npt.NDArray[np.uint8]


def find_numbers(names: Sequence[str], masks: Sequence[Path], folder: Path) -> Numbers:
    """With two names or more the numbers count from 1; else all masks are read for the numbers in them.

    Raises DataError: there is no number but 0; or nothing is named, and the numbers are rather shades of grey.
    """
    plain = np.arange(256, dtype=np.uint8)
    if len(names) > 1:
        return Numbers(tuple(names), plain)
    every = {value for part in _surveyed(masks) for value in part}
    found = sorted(every - {0})
    if not found:
        raise DataError(f"no mask in {folder} has a number but 0; draw the labels with numbers from 1 on")
    if len(found) == 1:
        plain[found[0]] = 1
        return Numbers(tuple(names) or (FOREGROUND,), plain)
    if names:
        return Numbers(tuple(names), plain)
    _check_numbers(every, folder)
    numbers = [value for value in found if value != IGNORED]
    plain[numbers] = np.arange(1, len(numbers) + 1)
    return Numbers(tuple(map(str, numbers)), plain)


def _check_numbers(every: Set[int], folder: Path) -> None:
    """Black and white with smooth edges has 0, 255 and what lies between; VOC's labels are 1 to 20, beside 255."""
    numbers = every - {0, IGNORED}
    if len(numbers) > MOST_UNNAMED or (every >= {0, IGNORED} and max(numbers) > MOST_UNNAMED):
        raise DataError(
            f"the masks in {folder} hold {len(every)} different numbers from {min(every)} to {max(every)}, as smooth "
            "edges give; save them without smoothing (nearest neighbour), or name the labels in labels.txt"
        )


def read_names(path: Path) -> list[str]:
    """Names of labels, one a line; none where there is no such file."""
    if not path.is_file():
        return []
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8; save it as UTF-8") from None
    return names[1:] if names and names[0].lower() == "background" else names


def _surveyed(masks: Sequence[Path]) -> Iterator[list[int]]:
    """The numbers in each mask. One that cannot be read has none here, and is found when it is looked at."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(_values, masks)


def _values(path: Path) -> list[int]:
    try:
        return values_in(read_values(path))
    except DataError:
        return []
