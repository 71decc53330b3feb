"""The page of a comparison: what would change, in numbers, by category, label by label, and as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from catalog.diff import Flow, LabelDiff, Pair, Photos, diff_labels, pair, photos_done
from catalog.diff_examples import Example, examples
from catalog.filters import Filter
from catalog.neighbours import NeighbourDiff, Neighbourhood, diff_neighbours
from workers.pages.diff_tiles import Tiles
from workers.pages.environment import render as render_page
from workers.pages.thumbnails import Objects

ROWS = 20
"""Rows of a table that are unfolded."""
_SIDE = 160


@dataclass(frozen=True, slots=True)
class Compared:
    """What a page tells of: `found` of products' labels, with `examples` of them, or of neighbours."""

    pair: Pair
    photos: Photos
    found: LabelDiff | NeighbourDiff
    examples: Sequence[Example] = ()


def compare(
    connection: sa.Connection,
    named: tuple[str, str | None],
    products: Filter,
    limit: int,
    *,
    with_examples: bool = True,
) -> Compared:
    """The versions that `named` names as `catalog.diff.pair` reads them. Raises UnknownModel, NotComparable."""
    versions = pair(connection, *named)
    photos = photos_done(connection, versions, products)
    if versions.old.task == "embed":
        return Compared(versions, photos, diff_neighbours(connection, versions, products, limit))
    found = diff_labels(connection, versions, products, limit)
    shown = examples(connection, versions, found.examples) if with_examples else ()
    return Compared(versions, photos, found, shown)


def render(compared: Compared, objects: Objects) -> str:
    """The page as text. Raises StoreUnavailable where the store serves nothing."""
    pair, found = compared.pair, compared.found
    names: dict[str, Any] = {
        "pair": pair,
        "task": pair.old.task,
        "photos": compared.photos,
        "found": found,
        "unfolded": ROWS,
    }
    if isinstance(found, NeighbourDiff):
        return render_page("neighbours.html.j2", **names, rows=_strips(found, objects))
    tiles = Tiles(pair, objects)
    return render_page(
        "diff.html.j2",
        **names,
        share=found.changed / found.compared,
        most_share=max((one.changed / one.compared for one in found.categories), default=0) or 1,
        flows=[(told(flow), flow) for flow in found.flows],
        most_flow=max((flow.count for flow in found.flows), default=1),
        tiles=objects.map(tiles.make, compared.examples),
    )


def told(flow: Flow) -> str:
    """`Shirt → Coat`, `Shirt lost`, `Coat gained`, `shoe resized`."""
    if flow.before is None:
        return f"{flow.after} gained"
    if flow.after is None:
        return f"{flow.before} lost"
    return f"{flow.before} resized" if flow.before == flow.after else f"{flow.before} → {flow.after}"


def _strips(found: NeighbourDiff, objects: Objects) -> list[dict[str, Any]]:
    shown = [photo for one in found.examples for photo in (one.photo, *one.before, *one.after)]
    keys = list(dict.fromkeys(photo.object_key for photo in shown))
    pictures = dict(zip(keys, objects.map(lambda key: objects.photo(key, _SIDE), keys), strict=True))
    return [_strip(one, pictures) for one in found.examples]


def _strip(one: Neighbourhood, pictures: dict[str, Any]) -> dict[str, Any]:
    def tile(photo: Any, kept: bool = True) -> dict[str, Any]:
        found = pictures[photo.object_key]
        return {"photo": photo, "picture": found if isinstance(found, str) else None, "kept": kept}

    return {
        "photo": tile(one.photo),
        "kept": one.kept,
        "before": [tile(photo, photo in one.after) for photo in one.before],
        "after": [tile(photo, photo in one.before) for photo in one.after],
    }
