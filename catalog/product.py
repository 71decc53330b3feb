"""One product, with all that its photos show: what serves, above its threshold, and what people said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import sqlalchemy as sa

from catalog.errors import UnknownSku

PHOTOS = 100
"""Of a product with more photos than these, the first are shown."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Photo:
    """`width` and `height` are in pixels after EXIF orientation, as boxes are; `position` 0 is the main photo."""

    image_id: int
    position: int
    width: int
    height: int
    format: str
    source: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A label of the product. Where a person said so, `origin` is `person` and photo and model are None."""

    image_id: int | None
    label: str
    score: float
    origin: str
    model: str | None
    model_version: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """An object in a photo; the box is in pixels of the original photo."""

    image_id: int
    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float
    model: str
    model_version: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A label of a photo's mask; `area` is its share of the photo, `number` its value in the mask."""

    image_id: int
    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float
    model: str
    model_version: int
    area: float
    number: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Colours of what a photo shows, and how good the photo is; see the view `product_facts`."""

    image_id: int
    colour: str
    colour_hex: str
    colours: list[dict[str, Any]]
    sharpness: float
    exposure: float
    background: str
    product_share: float


@dataclass(frozen=True, slots=True)
class Product:
    """As the shop's feed describes it, and what is known of its photos."""

    product_id: int
    sku: str
    title: str | None
    description: str | None
    brand: str | None
    category: str | None
    price: Decimal | None
    currency: str | None
    parent_sku: str | None
    attributes: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    photos: tuple[Photo, ...]
    tags: tuple[Tag, ...]
    detections: tuple[Found, ...]
    segments: tuple[Segment, ...]
    facts: tuple[Facts, ...]


def find(connection: sa.Connection, sku: str) -> Product:
    """The product of this sku. Raises UnknownSku."""
    row = connection.execute(_PRODUCT, {"sku": sku}).one_or_none()
    if row is None:
        raise UnknownSku(f"there is no product {sku[:100]!r}")
    photos = _all(connection, _PHOTOS, Photo, row.product_id)
    shown = [photo.image_id for photo in photos]
    return Product(
        **row._mapping,
        photos=photos,
        tags=_all(connection, _TAGS, Tag, row.product_id, shown),
        detections=_all(connection, _DETECTIONS, Found, row.product_id, shown),
        segments=_all(connection, _SEGMENTS, Segment, row.product_id, shown),
        facts=_all(connection, _FACTS, Facts, row.product_id, shown),
    )


def _all(
    connection: sa.Connection,
    query: sa.TextClause,
    kind: type[T],
    product_id: int,
    images: Iterable[int] = (),
) -> tuple[T, ...]:
    rows = connection.execute(query, {"product": product_id, "images": list(images)})
    return tuple(kind(**row._mapping) for row in rows)


_PRODUCT = sa.text(
    """
    SELECT id AS product_id, sku, title, description, brand, category, trim_scale(price) AS price, currency,
           parent_sku, attributes, created_at, updated_at
    FROM products WHERE sku = :sku
    """
)

_PHOTOS = sa.text(
    f"""
    SELECT i.id AS image_id, pi.position, i.width, i.height, i.format, pi.source, i.sha256
    FROM product_images pi JOIN images i ON i.id = pi.image_id
    WHERE pi.product_id = :product AND CAST(:images AS bigint[]) IS NOT NULL ORDER BY pi.position, i.id LIMIT {PHOTOS}
    """
)

_TAGS = sa.text(
    """
    SELECT image_id, label, score, origin, model, model_version FROM product_tags
    WHERE product_id = :product AND (image_id IS NULL OR image_id = ANY(CAST(:images AS bigint[])))
    ORDER BY score DESC, label, image_id
    """
)

_DETECTIONS = sa.text(
    """
    SELECT image_id, label, score, "left", top, "right", bottom, model, model_version FROM product_detections
    WHERE product_id = :product AND image_id = ANY(CAST(:images AS bigint[])) ORDER BY image_id, ordinal
    """
)

_SEGMENTS = sa.text(
    """
    SELECT s.image_id, s.label, s.score, s."left", s.top, s."right", s.bottom, s.model, s.model_version, s.area,
           array_position(m.labels, s.label) AS number
    FROM product_segments s JOIN model_versions m ON m.name = s.model AND m.version = s.model_version
    WHERE product_id = :product AND image_id = ANY(CAST(:images AS bigint[])) ORDER BY image_id, area DESC
    """
)

_FACTS = sa.text(
    """
    SELECT image_id, colour, colour_hex, colours, sharpness, exposure, background, product_share FROM product_facts
    WHERE product_id = :product AND image_id = ANY(CAST(:images AS bigint[])) ORDER BY image_id
    """
)
