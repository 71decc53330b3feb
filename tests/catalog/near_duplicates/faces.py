"""Photos with facts and embeddings that are as near to one another as a test wants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from catalog import near_duplicates, results
from catalog.near_duplicates import Found
from catalog.outcomes import ItemKey, Stored
from catalog.versions import Version
from models.predictions import Colour, Embedding, Facts
from tests.catalog.shop import add_images, add_product, add_version, rows

WIDTH = 64


@dataclass
class Faces:
    """A catalog whose photos are written as hashes and vectors."""

    engine: sa.Engine
    facts: Version
    embedder: Version

    @classmethod
    def made(cls, engine: sa.Engine) -> Faces:
        facts = add_version(engine, "photo-facts", task="describe", labels=[])
        return cls(engine, facts, add_version(engine, "product-embedding", task="embed", labels=[]))

    def add(self, hash_: int, angle: float = 0.0, *, embedded: bool = True, sku: str | None = None) -> int:
        """A product's photo; the cosine of two is that of the difference of their angles, in degrees."""
        (image_id,) = add_images(self.engine, 1)
        add_product(self.engine, sku or f"sku-{image_id}", [image_id])
        stored = [Stored(ItemKey(image_id, self.facts.id), facts(hash_))]
        if embedded:
            stored.append(Stored(ItemKey(image_id, self.embedder.id), vector(angle)))
        with self.engine.begin() as connection:
            results.write(connection, stored)
        return image_id

    def embed(self, image_id: int, angle: float = 0.0) -> None:
        with self.engine.begin() as connection:
            results.write(connection, [Stored(ItemKey(image_id, self.embedder.id), vector(angle))])

    def find(self) -> Found:
        return near_duplicates.find(self.engine)

    def pairs(self) -> list[tuple[int, int]]:
        query = "SELECT image_id, other_id FROM near_duplicates WHERE verdict IS DISTINCT FROM 'rejected' ORDER BY 1, 2"
        return [(one, other) for one, other in rows(self.engine, query)]

    def groups(self) -> dict[int, list[int]]:
        """Photos by group, of the pairs that are not rejected."""
        found: dict[int, set[int]] = {}
        query = "SELECT group_id, image_id, other_id FROM near_duplicates WHERE verdict IS DISTINCT FROM 'rejected'"
        for group, one, other in rows(self.engine, query):
            found.setdefault(group, set()).update((one, other))
        return {group: sorted(photos) for group, photos in found.items()}


def facts(hash_: int) -> Facts:
    return Facts((Colour("red", "#ff0000", 1.0),), 0.9, 0.0, "packshot", 0.4, True, hash_)


def vector(angle: float) -> Embedding:
    made = np.zeros(WIDTH, np.float32)
    made[:2] = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return Embedding(made)


def turned(hash_: int, *bits: int) -> int:
    """The hash with these bits (0 to 63) turned, as a signed integer."""
    for bit in bits:
        hash_ ^= 1 << bit
    return hash_ if hash_ < 2**63 else hash_ - 2**64
