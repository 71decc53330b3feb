"""Which photos a product shows, in which order: what lies in the place of an earlier photo now stands instead of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Link:
    """A photo of a product: `source` is what the manifest calls it, `place` the whole path or URL of its file.

    A photo that was taken in before places were noted has none; its source has to do.
    """

    image_id: int
    source: str
    place: str | None


def is_shown(image_id: str) -> str:
    """SQL that is true where a product shows the photo (a column, such as `w.image_id`): none took its place."""
    return f"EXISTS (SELECT FROM product_images pi WHERE pi.image_id = {image_id})"


def arranged(before: Sequence[Link], named: Sequence[Link]) -> list[Link]:
    """The photos of a product, its main photo first, after a manifest named `named`, where `before` were shown.

    A photo that the manifest does not name stays, since a manifest may be of some photos only; so does one that moved
    to another place. A photo is shown once, where the manifest names it first.
    """
    at = {link.place: link for link in named}  # of two readings of a file the later is the truth
    called = {link.source: link for link in at.values()}
    standing = [at.get(old.place, old) if old.place else called.get(old.source, old) for old in before]
    shown = [*standing, *at.values()]
    last = {link.image_id: link for link in (*standing, *reversed(at.values()))}
    return [last[image_id] for image_id in dict.fromkeys(link.image_id for link in shown)]


def arrange(connection: sa.Connection, named: Mapping[int, Sequence[Link]]) -> int:
    """Let products, by their ids, show what a manifest names; returns how many photos made way.

    Nobody else may change these products until the transaction ends: their rows are locked by whoever calls this.
    """
    before: dict[int, list[Link]] = {product_id: [] for product_id in named}
    places: dict[tuple[int, int], tuple[int, Link]] = {}
    for row in connection.execute(_SHOWN, {"product_ids": list(named)}):
        link = Link(row.image_id, row.source, row.place)
        before[row.product_id].append(link)
        places[row.product_id, row.image_id] = (row.position, link)
    wanted = {
        (product_id, link.image_id): (position, link)
        for product_id, links in named.items()
        for position, link in enumerate(arranged(before[product_id], links))
    }
    if gone := places.keys() - wanted.keys():
        connection.execute(_HIDE, _keys(sorted(gone)))
    if changed := {key: value for key, value in sorted(wanted.items()) if places.get(key) != value}:
        columns = {
            "positions": [position for position, _ in changed.values()],
            "sources": [link.source for _, link in changed.values()],
            "places": [link.place for _, link in changed.values()],
        }
        connection.execute(_SHOW, {**_keys(list(changed)), **columns})
    return len(gone)


def _keys(keys: Sequence[tuple[int, int]]) -> dict[str, list[int]]:
    return {
        "product_ids": [product_id for product_id, _ in keys],
        "image_ids": [image_id for _, image_id in keys],
    }


_SHOWN = sa.text(
    """
    SELECT product_id, image_id, position, source, place FROM product_images
    WHERE product_id = ANY(CAST(:product_ids AS bigint[])) ORDER BY product_id, position
    """
)

_HIDE = sa.text(
    """
    DELETE FROM product_images WHERE (product_id, image_id) IN (
        SELECT * FROM unnest(CAST(:product_ids AS bigint[]), CAST(:image_ids AS bigint[])))
    """
)

_SHOW = sa.text(
    """
    INSERT INTO product_images (product_id, image_id, position, source, place)
    SELECT * FROM unnest(CAST(:product_ids AS bigint[]), CAST(:image_ids AS bigint[]), CAST(:positions AS int[]),
                         CAST(:sources AS text[]), CAST(:places AS text[]))
    ON CONFLICT (product_id, image_id) DO UPDATE
    SET position = excluded.position, source = excluded.source, place = excluded.place
    """
)
