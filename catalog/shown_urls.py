"""Which photos by URL need not be fetched: those that an earlier run, perhaps one that was killed, took in."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa


def shown_urls(
    connection: sa.Connection, asked: Collection[tuple[str, str]]
) -> Mapping[tuple[str, str], int]:
    """Image ids by (sku, place), of those that the product shows.

    A photo in quarantine is left out: its URL may have a sound one by now. So is one that the store has lost.
    """
    if not asked:
        return {}
    skus, places = zip(*asked, strict=True)
    rows = connection.execute(_SHOWN, {"skus": list(skus), "places": list(places)})
    return {(row.sku, row.place): row.image_id for row in rows}


_SHOWN = sa.text(
    """
    SELECT p.sku, l.place, l.image_id
    FROM unnest(CAST(:skus AS text[]), CAST(:places AS text[])) AS asked (sku, place)
    JOIN products p ON p.sku = asked.sku
    JOIN product_images l ON l.product_id = p.id AND l.place = asked.place
    WHERE NOT EXISTS (
        SELECT FROM work_items w WHERE w.image_id = l.image_id
          AND (w.state = 'quarantined' OR w.error_code IN ('object_missing', 'object_failed')))
    """
)
