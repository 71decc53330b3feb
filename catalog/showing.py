"""All there is to show of one product: what the feed says, its photos, what was found in them, its tags and facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from catalog.skus import product_ids


@dataclass(frozen=True, slots=True)
class Box:
    """An object in a photo, in pixels of the photo; `model` is NAME@VERSION."""

    model: str
    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A label's share of a photo's mask, 0 to 1; `model` is NAME@VERSION."""

    model: str
    label: str
    score: float
    area: float


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one photo: a row of the view `product_facts`."""

    colours: Sequence[dict[str, Any]]
    sharpness: float
    exposure: float
    background: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo with what serving models found in it, the surest first. `facts` is None where none were taken yet."""

    image_id: int
    width: int
    height: int
    boxes: tuple[Box, ...]
    segments: tuple[Segment, ...]
    facts: Facts | None


@dataclass(frozen=True, slots=True)
class Tag:
    """A label of the product: the best of its photos, or a person's word, which may be that it does not hold."""

    label: str
    score: float
    origin: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Product:
    """As the feed describes it, with `photos` in its order and `tags`, the surest first."""

    product_id: int
    sku: str
    title: str | None
    description: str | None
    brand: str | None
    category: str | None
    price: Decimal | None
    currency: str | None
    attributes: dict[str, Any]
    photos: tuple[Photo, ...]
    tags: tuple[Tag, ...]


def product(connection: sa.Connection, sku: str) -> Product:
    """Raises UnknownSku."""
    of = product_ids(connection, [sku])[sku]
    told = connection.execute(_PRODUCT, {"product": of}).one()._mapping
    return Product(**told, photos=_photos(connection, of), tags=tags(connection, of))


def tags(connection: sa.Connection, product_id: int) -> tuple[Tag, ...]:
    """What counts, the surest first; then what people rejected."""
    return tuple(Tag(*row) for row in connection.execute(_TAGS, {"product": product_id}))


def labels(connection: sa.Connection) -> tuple[str, ...]:
    """Labels of serving classifiers and detectors, by name: what a person may be offered to choose from."""
    return tuple(connection.scalars(_LABELS))


def labels_of_classifiers(connection: sa.Connection) -> dict[str, tuple[str, ...]]:
    """By the name of each classifier that serves, its labels in their order."""
    return {name: tuple(labels) for name, labels in connection.execute(_CLASSIFIERS)}


def _photos(connection: sa.Connection, product_id: int) -> tuple[Photo, ...]:
    of = {"product": product_id}
    boxes: dict[int, list[Box]] = defaultdict(list)
    for image_id, *box in connection.execute(_BOXES, of):
        boxes[image_id].append(Box(*box))
    segments: dict[int, list[Segment]] = defaultdict(list)
    for image_id, *segment in connection.execute(_SEGMENTS, of):
        segments[image_id].append(Segment(*segment))
    facts = {image_id: Facts(*rest) for image_id, *rest in connection.execute(_FACTS, of)}
    return tuple(
        Photo(
            image_id,
            width,
            height,
            tuple(boxes[image_id]),
            tuple(segments[image_id]),
            facts.get(image_id),
        )
        for image_id, width, height in connection.execute(_PHOTOS, of)
    )


_PRODUCT = sa.text(
    """
    SELECT id AS product_id, sku, title, description, brand, category, trim_scale(price) AS price, currency, attributes
    FROM products WHERE id = :product
    """
)

_PHOTOS = sa.text(
    """
    SELECT i.id, i.width, i.height FROM product_images pi JOIN images i ON i.id = pi.image_id
    WHERE pi.product_id = :product ORDER BY pi.position, i.id
    """
)

_BOXES = sa.text(
    """
    SELECT image_id, model || '@' || model_version, label, score, "left", top, "right", bottom
    FROM product_detections WHERE product_id = :product ORDER BY image_id, score DESC
    """
)

_SEGMENTS = sa.text(
    """
    SELECT image_id, model || '@' || model_version, label, score, area
    FROM product_segments WHERE product_id = :product ORDER BY image_id, model, score DESC
    """
)

_FACTS = sa.text(
    """
    SELECT image_id, colours, sharpness, exposure, background FROM product_facts
    WHERE product_id = :product ORDER BY model
    """
)

_TAGS = sa.text(
    """
    SELECT label, max(score) AS score, min(origin) AS origin, true AS counts
    FROM product_tags WHERE product_id = :product GROUP BY label
    UNION ALL
    SELECT label, 0, 'person', false FROM product_overrides WHERE product_id = :product AND NOT accepted
    ORDER BY counts DESC, score DESC, label
    """
)

_LABELS = sa.text(
    """
    SELECT DISTINCT label FROM model_versions m CROSS JOIN unnest(m.labels) label
    WHERE m.state = 'serving' AND m.task IN ('classify', 'detect') ORDER BY label
    """
)

_CLASSIFIERS = sa.text(
    "SELECT name, labels FROM model_versions WHERE state = 'serving' AND task = 'classify' ORDER BY name"
)
