"""A small shop with something of everything: what the API and its fuzzing are asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from catalog import results
from catalog.outcomes import ItemKey, Stored
from models.predictions import Classification, Embedding, Score
from tests.catalog.shop import add_product, add_version, execute, plan
from tests.workers.pictures import Picture, add_pictures
from workers.reading import read
from workers.runtime import Runtime

ODD: Final = "a/b c?#ä"
"""A sku, of a product without photos."""
SCORES = (
    Classification((Score("Shirt", 0.7), Score("Coat", 0.3))),
    Classification((Score("Coat", 0.55), Score("Shirt", 0.45))),
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """SKU-0, SKU-1 and SKU-2 with a photo each, seen by all kinds of models; a job of which one photo failed."""

    pictures: list[Picture]
    job_id: int


def fill(runtime: Runtime) -> Shelf:
    """A shop on this runtime's services; its texts are read, without a text embedder."""
    engine = runtime.engine
    pictures = add_pictures(runtime, 3)
    described = (
        "title = 'Blue linen shirt', brand = 'Acme', category = 'Shirts', price = 19.9, currency = 'EUR'"
    )
    execute(engine, f"UPDATE products SET {described}")
    add_product(engine, ODD)
    kinds, vectors = add_version(engine), add_version(engine, "looks", task="embed", labels=[])
    with engine.begin() as connection:
        for number, one in enumerate(pictures):
            vector = np.eye(4, dtype=np.float32)[number % 2]
            told = (SCORES[number % 2], Embedding(vector))
            keys = (ItemKey(one.id, kinds.id), ItemKey(one.id, vectors.id))
            results.write(connection, [Stored(*each) for each in zip(keys, told, strict=True)])
    job_id = plan(engine, [one.id for one in pictures], kinds.id)
    failed = "state = 'quarantined', error_code = 'truncated', error_reason = 'cut', finished_at = now()"
    of = "job_id = :job AND image_id = :image"
    execute(engine, f"UPDATE work_items SET {failed} WHERE {of}", job=job_id, image=pictures[0].id)
    execute(engine, "UPDATE jobs SET closed_at = now()")
    assert read(runtime, None)
    return Shelf(pictures, job_id)
