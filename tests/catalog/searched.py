"""A small shop to search in, read by the real text embedder."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import numpy as np
import sqlalchemy as sa

from catalog.search import Chosen, Meaning, Page, find, indexing
from models.text import TextEmbedder, bundled
from tests.catalog.shop import add_images, add_version, execute

ANY = Chosen()


@cache
def meaning() -> TextEmbedder:
    """The one that `tagmill[meaning]` brings."""
    folder = bundled()
    assert folder is not None
    return TextEmbedder(folder)


@dataclass(frozen=True, slots=True)
class Thing:
    """A product with one photo: what the feed says, and what a classifier and an embedder say of the photo."""

    sku: str
    title: str | None = None
    brand: str | None = None
    category: str | None = None
    description: str | None = None
    price: Decimal | None = None
    tags: tuple[tuple[str, float], ...] = ()
    vector: tuple[float, ...] = (1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Versions:
    """Ids of what serves."""

    tags: int
    vectors: int


def open_shop(engine: sa.Engine) -> Versions:
    """A classifier of three labels, and an embedder."""
    return Versions(
        add_version(engine, "product-type", labels=["Sneaker", "Dress", "T-shirt/top", "Ankle boot"]).id,
        add_version(engine, "product-embedding", task="embed", labels=[]).id,
    )


def add(engine: sa.Engine, versions: Versions, *things: Thing) -> list[int]:
    """Put them into the shop; their ids."""
    ids = []
    for image_id, thing in zip(add_images(engine, len(things)), things, strict=True):
        with engine.begin() as connection:
            row = {
                name: getattr(thing, name)
                for name in ("sku", "title", "brand", "category", "description", "price")
            }
            product_id = connection.execute(_PRODUCT, row).scalar_one()
            connection.execute(_SHOWS, {"product": product_id, "image": image_id})
            for rank, (label, score) in enumerate(thing.tags, start=1):
                parameters = {
                    "image": image_id,
                    "version": versions.tags,
                    "label": label,
                    "rank": rank,
                    "score": score,
                }
                connection.execute(_TAG, parameters)
            unit = np.array(thing.vector) / np.linalg.norm(thing.vector)
            parameters = {"image": image_id, "version": versions.vectors, "vector": str(unit.tolist())}
            connection.execute(_VECTOR, parameters)
        ids.append(product_id)
    return ids


def read_all(engine: sa.Engine, embedder: Meaning | None = None) -> int:
    """Read all texts; how many."""
    with engine.begin() as connection:
        assert indexing.begin(connection, embedder)
    total = 0
    while count := indexing.read_batch(engine, embedder):
        total += count
    return total


def look(
    engine: sa.Engine, words: str, chosen: Chosen = ANY, embedder: Meaning | None = None, **paging: object
) -> Page:
    """`find` on a connection of its own."""
    with engine.connect() as connection:
        return find(connection, words, chosen, meaning=embedder, **paging)  # type: ignore[arg-type]


def add_colour(engine: sa.Engine, versions: Versions, sku: str, colour: str) -> None:
    """Of a product's photo: a packshot, mostly of this colour."""
    execute(
        engine,
        """
        INSERT INTO photo_facts
        SELECT pi.image_id, :version, :colour, '#00ff00', '[]', 1, 0, 'packshot', 0.5, true, 1
        FROM product_images pi JOIN products p ON p.id = pi.product_id WHERE p.sku = :sku
        """,
        version=versions.vectors,
        colour=colour,
        sku=sku,
    )


def skus(page: Page) -> list[str]:
    return [hit.sku for hit in page.hits]


def set_threshold(engine: sa.Engine, label: str, value: float) -> None:
    execute(
        engine, "INSERT INTO thresholds VALUES ('product-type', :label, :value)", label=label, value=value
    )


_PRODUCT = sa.text(
    """
    INSERT INTO products (sku, title, brand, category, description, price)
    VALUES (:sku, :title, :brand, :category, :description, :price) RETURNING id
    """
)
_SHOWS = sa.text("INSERT INTO product_images VALUES (:product, :image, 0, 'photo.jpg')")
_TAG = sa.text("INSERT INTO classifications VALUES (:image, :version, :label, :rank, :score)")
_VECTOR = sa.text("INSERT INTO embeddings VALUES (:image, :version, CAST(:vector AS vector))")
