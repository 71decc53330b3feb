"""A catalog whose classifier said exactly what a test says it did."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from catalog import results
from catalog.outcomes import ItemKey, Stored
from models.predictions import Classification, Score
from tests.catalog.shop import add_images, add_product, add_version, execute, rows

LABELS = ["Dress", "Shirt", "Shoe", "Bag"]

Scores = Mapping[str, float]


class Reviewed:
    """Products by sku, each photo with the scores that `product-type` gave it."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.model = add_version(engine, "product-type", labels=LABELS).id
        self._facts: int | None = None

    def product(self, sku: str, *photos: Scores, **fields: Any) -> list[int]:
        """A product with photos in this order; its columns are `fields`. Returns the photos' ids."""
        image_ids = add_images(self.engine, len(photos))
        add_product(self.engine, sku, image_ids)
        for image_id, scores in zip(image_ids, photos, strict=True):
            self.score(image_id, self.model, scores)
        for name, value in fields.items():
            plain = json.dumps(value) if isinstance(value, dict) else value
            execute(
                self.engine, f"UPDATE products SET {name} = :value WHERE sku = :sku", value=plain, sku=sku
            )
        return image_ids

    def score(self, image_id: int, version_id: int, scores: Scores) -> None:
        best = sorted(scores.items(), key=lambda one: -one[1])
        answer = Classification(tuple(Score(label, score) for label, score in best))
        with self.engine.begin() as connection:
            results.write(connection, [Stored(ItemKey(image_id, version_id), answer)])

    def facts(self, image_id: int, background: str = "packshot", *colours: tuple[str, float]) -> None:
        """What is known of a photo: its ground and its colours with their shares."""
        if self._facts is None:
            self._facts = add_version(self.engine, "photo-facts", task="describe", labels=[]).id
        parts = [{"name": name, "hex": "#000000", "share": share} for name, share in colours or [("grey", 1)]]
        execute(
            self.engine,
            "INSERT INTO photo_facts VALUES (:image, :version, :colour, '#000000', CAST(:colours AS jsonb), 1, 0, "
            ":background, 0.5, true, 0)",
            image=image_id,
            version=self._facts,
            colour=parts[0]["name"],
            colours=json.dumps(parts),
            background=background,
        )

    def verdict(self, sku: str) -> dict[str, Any]:
        """The row of `product_verdicts`."""
        with self.engine.connect() as connection:
            query = sa.text("SELECT * FROM product_verdicts WHERE sku = :sku")
            return dict(connection.execute(query, {"sku": sku}).one()._mapping)

    def mismatches(self, sku: str) -> list[tuple[Any, ...]]:
        """(aspect, feed, photo, confidence) of a product."""
        query = """
            SELECT aspect, feed, photo, round(confidence::numeric, 2)::float8 FROM product_mismatches
            WHERE sku = :sku ORDER BY aspect
        """
        return rows(self.engine, query, sku=sku)

    def map(self, rules: Sequence[tuple[str, str]]) -> None:
        """Rules of the taxonomy: label, category."""
        for label, category in rules:
            execute(
                self.engine,
                "INSERT INTO taxonomy (model_name, label, category) VALUES ('product-type', :label, :category)",
                label=label,
                category=category,
            )
