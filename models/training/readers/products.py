"""Which photos show one product, as far as their names tell.

Shops number the views of a product: `4711_1.jpg`, `4711_2.jpg`. Views of one product in two splits flatter the
figures, so photos are taken for one product if their names differ only in a number at the end. That number stands
behind a blank, `_`, `-` or `.`, or in brackets, and has at most two digits; 2 to 20 photos share the rest of the
name, and their folder holds others: `IMG_0001.jpg` to `IMG_0999.jpg` stay apart. Photos taken for one product by
mistake make the split coarser, which is harmless. Endings make no difference. A column `product` of a table, or a
folder for each product within its class folder, says it better than names can.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

MOST_VIEWS = 20

_VIEW = re.compile(r"(?P<product>.*[^ _.(-])(?:[ _.-]+\d{1,2}| *\(\d{1,2}\))", re.ASCII | re.DOTALL)


def by_name(paths: Sequence[PurePath]) -> list[str]:
    """A product for each of `paths`, which are relative to one folder."""
    stems = [path.with_suffix("").as_posix() for path in paths]
    cut = [_without_number(stem) for stem in stems]
    views, siblings = Counter(cut), Counter(path.parent for path in paths)
    return [
        short if 2 <= views[short] <= MOST_VIEWS and views[short] < siblings[path.parent] else stem
        for path, stem, short in zip(paths, stems, cut, strict=True)
    ]


def _without_number(stem: str) -> str:
    match = _VIEW.fullmatch(stem)
    return match["product"] if match else stem
