"""Which photos show one product, as far as their names tell.

Shops number the views of a product: `4711_1.jpg`, `4711_2.jpg`. Views of one product in two splits flatter the
figures, so a number at the end of a name is none of the product's: it stands behind a blank, `_`, `-` or `.`, or in
brackets, and has at most two digits, so `IMG_0001.jpg` to `IMG_9999.jpg` stay apart. `4711_1.jpg` is of product `4711`
whether or not there is a `4711_2.jpg` yet: the split goes by this name, and must not move when photos are added.

Two kinds of series are no views of one product, and are a product a photo:

- more than 20 photos that share the rest of their names;
- photos that have their folder to themselves, `bag_1.jpg` to `bag_9.jpg`, unless the rest of the name has a number of
  three digits or more, as articles do.

So a product keeps its name while it has at most 20 photos, and either such a number or a folder with other products.
Photos taken for one product by mistake make the split coarser, which is harmless. Endings make no difference. A
column `product` of a table, or a folder for each product within its class folder, says it better than names can.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

MOST_VIEWS = 20

_VIEW = re.compile(r"(?P<product>.*[^ _.(-])(?:[ _.-]+\d{1,2}| *\(\d{1,2}\))", re.ASCII | re.DOTALL)
_ARTICLE = re.compile(r"\d{3}", re.ASCII)


def by_name(paths: Sequence[PurePath]) -> list[str]:
    """A product for each of `paths`, which are relative to one folder."""
    stems = [path.with_suffix("").as_posix() for path in paths]
    cut = [_without_number(stem) for stem in stems]
    views, siblings = Counter(cut), Counter(path.parent for path in paths)
    return [
        short
        if views[short] <= MOST_VIEWS and (views[short] < siblings[path.parent] or _is_article(short))
        else stem
        for path, stem, short in zip(paths, stems, cut, strict=True)
    ]


def _without_number(stem: str) -> str:
    match = _VIEW.fullmatch(stem)
    return match["product"] if match else stem


def _is_article(product: str) -> bool:
    return _ARTICLE.search(product.rpartition("/")[2]) is not None
