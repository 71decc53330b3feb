"""What labels' names mean, as vectors of a text embedder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import mean

import numpy as np
import sqlalchemy as sa

from catalog.search import names
from catalog.search.meaning import Meaning, literal

NEAR = 0.42
"""Cosine from which a label is near to words; of all-MiniLM-L6-v2, "trainers" and "Sneaker" have 0.43."""
STANDS_OUT = 1.5
"""Standard deviations that it must be above all labels: some words are a little near to every label."""
BESIDE_THE_BEST = 0.05


def unread(connection: sa.Connection, model: str | None = None) -> list[str]:
    """Names that `model`, or where none is given any embedder, has not read."""
    read = set(connection.scalars(_READ, {"model": model}))
    return sorted({name.words for name in names.every(connection)} - read)


def read(engine: sa.Engine, meaning: Meaning) -> None:
    """Embed the names that are new; mostly there are none."""
    with engine.connect() as connection:
        new = unread(connection, meaning.name)
    if not new:
        return
    vectors = [literal(vector) for vector in meaning.embed(new)]
    with engine.begin() as connection:
        connection.execute(_WRITE, {"model": meaning.name, "names": new, "vectors": vectors})


def near(connection: sa.Connection, model: str, vector: str, every_name: Iterable[names.Name]) -> list[str]:
    """Labels of which one of the names means about the same as `vector`, as Postgres reads it; the nearest first."""
    rows = connection.execute(_SCORES, {"model": model, "vector": vector})
    scores = {row.name: row.score for row in rows}
    found: defaultdict[str, list[float]] = defaultdict(list)
    for name in every_name:
        if name.words in scores:
            found[name.label].append(scores[name.words])
    if not found:
        return []
    best = np.array([max(own) for own in found.values()])
    bar = max(NEAR, min(best.max(), best.mean() + STANDS_OUT * best.std()), best.max() - BESIDE_THE_BEST)
    # Labels of one category share its name, and are equally near by it: then their own names tell.
    order = {label: (-max(own), -mean(own)) for label, own in found.items() if max(own) >= bar}
    return sorted(order, key=order.__getitem__)


_READ = sa.text("SELECT name FROM label_texts WHERE model = coalesce(:model, model)")

_WRITE = sa.text(
    """
    INSERT INTO label_texts (model, name, embedding)
    SELECT :model, name, CAST(embedding AS halfvec)
    FROM unnest(CAST(:names AS text[]), CAST(:vectors AS text[])) AS new (name, embedding) ON CONFLICT DO NOTHING
    """
)

_SCORES = sa.text(
    "SELECT name, 1 - (embedding <=> CAST(:vector AS halfvec)) AS score FROM label_texts WHERE model = :model"
)
