"""A shop of a few products in which shoppers do things: what recommendations are tested on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

import numpy as np
import sqlalchemy as sa

from catalog.copying import copy
from catalog.interactions import read, record
from catalog.recommend import Refreshed, refresh
from catalog.tables import EmbeddingRow
from tests.catalog.shop import add_images, add_product, add_version, execute

NOW = datetime.now(UTC)


class Bazaar:
    """Products by sku, each with a photo, a category and a parent perhaps; some photos have embeddings and tags."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.embedder = add_version(engine, "vectors", task="embed").id
        self.tagger = add_version(engine, "product-type").id

    def product(
        self,
        sku: str,
        category: str | None = None,
        *look: float,
        parent: str | None = None,
        tags: tuple[str, ...] = (),
        photos: int = 1,
    ) -> int:
        """`look` is the embedding of its photos."""
        images = add_images(self.engine, photos)
        product_id = add_product(self.engine, sku, images)
        execute(
            self.engine,
            "UPDATE products SET category = :category, parent_sku = :parent WHERE sku = :sku",
            category=category,
            parent=parent,
            sku=sku,
        )
        for image_id in images if look else ():
            row = {
                "image_id": image_id,
                "model_version_id": self.embedder,
                "embedding": np.array(look, np.float32) / np.linalg.norm(look),
            }
            with self.engine.begin() as connection:
                copy(connection, cast(sa.Table, EmbeddingRow.__table__), [row])
        for rank, tag in enumerate(tags, start=1):
            execute(
                self.engine,
                "INSERT INTO classifications VALUES (:image, :version, :tag, :rank, 0.9)",
                image=images[0],
                version=self.tagger,
                tag=tag,
                rank=rank,
            )
        return product_id

    def does(self, shopper: str, *acts: str, days_ago: float = 1.0) -> None:
        """Acts such as "view a": one after another, a minute apart."""
        start = NOW - timedelta(days=days_ago)
        told = [
            read(place, shopper, act.split()[1], act.split()[0], start + timedelta(minutes=place))
            for place, act in enumerate(acts)
        ]
        with self.engine.begin() as connection:
            assert not record(connection, told).refused

    def refresh(self) -> Refreshed:
        done = refresh(self.engine)
        assert done is not None
        return done
