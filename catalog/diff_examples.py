"""Changed products in full, for people to look at: a photo, and what either version says of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from catalog import thresholds
from catalog.diff import Changed, Pair
from models.predictions import Box, Task


@dataclass(frozen=True, slots=True)
class Said:
    """A label above its threshold; with a box in photo pixels, or an area (0 to 1) and its mask, where there are."""

    label: str
    score: float
    box: Box | None = None
    area: float | None = None
    mask_key: str | None = None


@dataclass(slots=True)
class Example:
    """A product, a photo of it, and what the old and the new version say, the surest first."""

    sku: str
    title: str | None
    category: str | None
    image_id: int
    object_key: str
    width: int
    height: int
    before: list[Said] = field(default_factory=list)
    after: list[Said] = field(default_factory=list)


def examples(connection: sa.Connection, pair: Pair, changed: Sequence[Changed]) -> list[Example]:
    """In the order of their categories, then as drawn."""
    drawn = {"products": [one.product_id for one in changed], "images": [one.image_id for one in changed]}
    parameters = {**drawn, **pair.ids}
    found: dict[tuple[int, int], Example] = {}
    for row in connection.execute(_PHOTOS, parameters):
        key, shown = row[:2], row[2:]
        found[key] = Example(*shown)
    for key, said in _said(connection, pair.old.task, parameters).items():
        found[key].before, found[key].after = said[False], said[True]
    return list(found.values())


def _said(
    connection: sa.Connection, task: Task, parameters: dict[str, object]
) -> dict[tuple[int, int], dict[bool, list[Said]]]:
    """By product and place, what the old (False) and the new version (True) say."""
    found: dict[tuple[int, int], dict[bool, list[Said]]] = defaultdict(lambda: {False: [], True: []})
    for row in connection.execute(_SAID[task], parameters):
        box = Box(row.left, row.top, row.right, row.bottom) if task == "detect" else None
        area, mask_key = (row.area, row.mask_key) if task == "segment" else (None, None)
        found[row.product_id, row.place][row.new].append(Said(row.label, row.score, box, area, mask_key))
    return dict(found)


_DRAWN = """
    unnest(CAST(:products AS bigint[]), CAST(:images AS bigint[])) WITH ORDINALITY d (product_id, place, turn)
    JOIN product_images pi ON pi.product_id = d.product_id AND d.place IN (0, pi.image_id)
"""
_BOTH = """
    (SELECT count(*) FROM work_items w WHERE w.image_id = pi.image_id AND w.model_version_id IN (:old, :new)
     AND w.state = 'done') = 2
"""

_PHOTOS = sa.text(
    f"""
    SELECT product_id, place, sku, title, category, image_id, object_key, width, height FROM (
        SELECT DISTINCT ON (d.turn) d.turn, d.product_id, d.place, p.sku, p.title, p.category,
               i.id AS image_id, i.object_key, i.width, i.height
        FROM {_DRAWN} JOIN products p ON p.id = d.product_id JOIN images i ON i.id = pi.image_id
        WHERE {_BOTH} ORDER BY d.turn, pi.position
    ) shown ORDER BY category NULLS LAST, turn
    """
)


def _statement(table: str, columns: str, label: str = "s.label") -> sa.TextClause:
    # Of a product's photos, a label's best score; of one photo, each row.
    return sa.text(
        f"""
        SELECT * FROM (
            SELECT DISTINCT ON (d.turn, s.model_version_id, {label})
                   d.product_id, d.place, s.model_version_id = :new AS new, s.label, s.score {columns}
            FROM {_DRAWN}
            JOIN {table} s ON s.image_id = pi.image_id AND s.model_version_id IN (:old, :new)
            JOIN model_versions m ON m.id = s.model_version_id {thresholds.joined("s")}
            WHERE {thresholds.counts("s")} AND {_BOTH} ORDER BY d.turn, s.model_version_id, {label}, s.score DESC
        ) said ORDER BY score DESC, label
        """
    )


_SAID = {
    "classify": _statement("classifications", ""),
    "detect": _statement("detections", ', s."left", s.top, s."right", s.bottom', "s.ordinal"),
    "segment": _statement("segments", ", s.area, s.mask_key"),
}
