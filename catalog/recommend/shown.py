"""Products as they are shown: what the feed says of them, and their main photo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from catalog.search.hits import Hit


@dataclass(frozen=True, slots=True)
class Shown:
    """A product; variants share a `family`, the sku of their parent."""

    product_id: int
    sku: str
    title: str | None
    brand: str | None
    category: str | None
    price: Decimal | None
    currency: str | None
    family: str
    image_id: int
    object_key: str

    def hit(self, score: float, reasons: tuple[str, ...]) -> Hit:
        return Hit(
            product_id=self.product_id,
            sku=self.sku,
            title=self.title,
            brand=self.brand,
            category=self.category,
            price=self.price,
            currency=self.currency,
            image_id=self.image_id,
            object_key=self.object_key,
            score=score,
            reasons=reasons,
        )


def look_up(connection: sa.Connection, product_ids: Iterable[int]) -> dict[int, Shown]:
    """Those that are there and have a photo that can be shown, by id."""
    rows = connection.execute(_SHOWN, {"products": list(product_ids)})
    return {row.id: Shown(*row) for row in rows}


# A photo that failed in every model is none to show; one that no model has seen yet may be.
_SHOWN = sa.text(
    """
    SELECT p.id, p.sku, p.title, p.brand, p.category, trim_scale(p.price) AS price, p.currency,
           coalesce(p.parent_sku, p.sku) AS family,
           photo.id AS image_id, photo.object_key
    FROM products p CROSS JOIN LATERAL (
        SELECT i.id, i.object_key FROM product_images pi JOIN images i ON i.id = pi.image_id
        WHERE pi.product_id = p.id
          AND (NOT EXISTS (SELECT FROM work_items w WHERE w.image_id = i.id AND w.state = 'quarantined')
               OR EXISTS (SELECT FROM work_items w WHERE w.image_id = i.id AND w.state = 'done'))
        ORDER BY pi.position, pi.image_id LIMIT 1
    ) photo
    WHERE p.id = ANY(CAST(:products AS bigint[]))
    """
)
