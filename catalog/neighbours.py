"""What would change between two embedders: which photos lie next to a photo. Exact distances, over a sample."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.diff import Pair, check_compared
from catalog.diff_sql import compared
from catalog.errors import NotComparable
from catalog.filters import Filter

NEIGHBOURS = 10
SAMPLE = 200
"""Photos whose neighbours are looked for."""
POOL = 5_000
"""Photos among which they are looked for: distances are computed from each of the sample to each of these."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo by its product."""

    image_id: int
    sku: str
    category: str | None
    object_key: str


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A photo, its nearest neighbours by the old and by the new version, nearest first, and how many are the same."""

    photo: Shown
    before: tuple[Shown, ...]
    after: tuple[Shown, ...]

    @property
    def kept(self) -> int:
        return len(set(self.before) & set(self.after))


@dataclass(frozen=True, slots=True)
class CategoryKept:
    """Photos of a category that were sampled, and how many of their neighbours stay, on average."""

    category: str | None
    sampled: int
    kept: float


@dataclass(frozen=True, slots=True)
class NeighbourDiff:
    """`kept` is the mean number of `neighbours` that stay; `counts[n]` how many photos keep n of them."""

    pool: int
    sampled: int
    neighbours: int
    kept: float
    counts: tuple[int, ...]
    categories: tuple[CategoryKept, ...]
    examples: tuple[Neighbourhood, ...]


def diff_neighbours(connection: sa.Connection, pair: Pair, products: Filter, limit: int) -> NeighbourDiff:
    """Of two embedders, whose widths may differ; at most `limit` examples. Raises NotComparable."""
    connection.execute(sa.text("SET LOCAL work_mem = '256MB'"))  # the pool's vectors stay in memory
    start, parameters = compared(products)
    sizes = {"pool": POOL, "sample": SAMPLE, "neighbours": NEIGHBOURS}
    rows = connection.execute(sa.text(f"{start} {_NEAR}"), {**parameters, **pair.ids, **sizes}).all()
    check_compared(len(rows))
    if rows[0].pool < 2:
        raise NotComparable("both have done a single photo of a product, and it has no neighbours")
    shown = _shown(connection, {one for row in rows for one in (row.image_id, *row.before, *row.after)})
    found = [
        Neighbourhood(shown[row.image_id], _each(shown, row.before), _each(shown, row.after)) for row in rows
    ]
    width = min(NEIGHBOURS, rows[0].pool - 1)
    return NeighbourDiff(
        pool=rows[0].pool,
        sampled=len(found),
        neighbours=width,
        kept=_mean(found),
        counts=tuple(sum(one.kept == kept for one in found) for kept in range(width + 1)),
        categories=_by_category(found),
        examples=_most_changed(found, limit),
    )


def _shown(connection: sa.Connection, image_ids: Iterable[int]) -> dict[int, Shown]:
    rows = connection.execute(_SHOWN, {"images": sorted(image_ids)})
    return {row.id: Shown(row.id, row.sku, row.category, row.object_key) for row in rows}


def _each(shown: Mapping[int, Shown], image_ids: Iterable[int]) -> tuple[Shown, ...]:
    return tuple(shown[image_id] for image_id in image_ids)


def _mean(found: Sequence[Neighbourhood]) -> float:
    return sum(one.kept for one in found) / len(found)


def _grouped(found: Sequence[Neighbourhood]) -> dict[str | None, list[Neighbourhood]]:
    groups: defaultdict[str | None, list[Neighbourhood]] = defaultdict(list)
    for one in found:
        groups[one.photo.category].append(one)
    return groups


def _by_category(found: Sequence[Neighbourhood]) -> tuple[CategoryKept, ...]:
    """The most changed first."""
    groups = [CategoryKept(name, len(group), _mean(group)) for name, group in _grouped(found).items()]
    return tuple(sorted(groups, key=lambda one: one.kept))


def _most_changed(found: Sequence[Neighbourhood], limit: int) -> tuple[Neighbourhood, ...]:
    """The most changed of each category in turn."""
    ranked = [sorted(group, key=lambda one: one.kept) for group in _grouped(found).values()]
    turns = [(turn, one.kept, one) for group in ranked for turn, one in enumerate(group)]
    return tuple(one for _, _, one in sorted(turns, key=lambda ranked: ranked[:2])[:limit])


# Vectors are cast so that they are kept unpacked: else each distance would read them anew.
_NEAR = """
    , pool AS MATERIALIZED (
        SELECT image_id, row_number() OVER (ORDER BY md5(image_id::text)) AS turn
        FROM (SELECT DISTINCT image_id FROM compared) photos ORDER BY turn LIMIT :pool
    ), vectors AS MATERIALIZED (
        SELECT p.image_id, p.turn, e.model_version_id AS version_id, e.embedding::real[]::vector AS embedding
        FROM pool p JOIN embeddings e ON e.image_id = p.image_id AND e.model_version_id IN (:old, :new)
    )
    SELECT q.image_id, (SELECT count(*) FROM pool) AS pool,
           coalesce(max(n.ids) FILTER (WHERE q.version_id = :old), '{}') AS before,
           coalesce(max(n.ids) FILTER (WHERE q.version_id = :new), '{}') AS after
    FROM vectors q CROSS JOIN LATERAL (
        SELECT array_agg(o.image_id ORDER BY o.distance, o.image_id) AS ids FROM (
            SELECT o.image_id, o.embedding <=> q.embedding AS distance FROM vectors o
            WHERE o.version_id = q.version_id AND o.image_id <> q.image_id ORDER BY 2, 1 LIMIT :neighbours
        ) o
    ) n
    WHERE q.turn <= :sample GROUP BY q.image_id ORDER BY q.image_id
"""

_SHOWN = sa.text(
    """
    SELECT DISTINCT ON (i.id) i.id, p.sku, p.category, i.object_key
    FROM images i JOIN product_images pi ON pi.image_id = i.id JOIN products p ON p.id = pi.product_id
    WHERE i.id = ANY(CAST(:images AS bigint[])) ORDER BY i.id, p.sku
    """
)
