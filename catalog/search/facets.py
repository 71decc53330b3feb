"""What one may choose among the products of a search, with how many products each value would show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa

from catalog.search import ranking
from catalog.search import words as texts
from catalog.search.asking import Asked, ask, understood
from catalog.search.chosen import Where, where
from catalog.search.hits import Chosen, Facet, FacetValue
from catalog.search.known import as_known
from catalog.search.meaning import Meaning
from catalog.search.statements import ids

SAMPLE = 1000
"""Products of a search whose values are counted; of more, those that fit best, or the newest."""
MOST_VALUES = 50
PRICES = ("price_from", "price_to")
NAMES = ("categories", "tags", "brands", "colours", "backgrounds", *PRICES)


def facets(
    connection: sa.Connection, words: str, chosen: Chosen, *, meaning: Meaning | None = None
) -> tuple[Facet, ...]:
    """Categories, tags, brands, colours and backgrounds with counts, then the lowest and the highest price.

    Each is counted beside what is chosen in the others. A defect that a classifier or a person tags is a tag. Facets
    without any value are left out. With the same `meaning` they are of what `find` finds. Raises BadQuery.
    """
    texts.check(words, "the words")
    chosen = as_known(connection, chosen)
    asked = understood(connection, ask(connection, words, meaning)) if words.strip() else None
    apart = [name for name in NAMES if getattr(chosen, name)]
    found = {}
    for without in (None, *apart):
        names = [without] if without else [name for name in NAMES if name not in apart]
        found.update(
            _counted(
                connection,
                names,
                _products(connection, words, asked, where(connection, chosen, without)),
                chosen,
            )
        )
    return tuple(found[name] for name in NAMES if found[name].values)


def _products(connection: sa.Connection, words: str, asked: Asked | None, condition: Where) -> list[int]:
    if asked is None:
        query = sa.text(f"SELECT p.id FROM products p WHERE {condition.sql} ORDER BY p.id DESC LIMIT :sample")
        return ids(connection, query, {**condition.parameters, "sample": SAMPLE})
    if of_sku := ranking.of_sku(connection, asked, words, condition):
        return of_sku
    found = ranking.candidates(connection, asked, condition, SAMPLE)
    return [product_id for product_id, _ in found.ranked[:SAMPLE]]


def _counted(
    connection: sa.Connection, names: Sequence[str], products: Sequence[int], chosen: Chosen
) -> dict[str, Facet]:
    """Of the same products, in one statement: finding their rows is most of the work."""
    query = sa.text(_ROWS + " UNION ALL ".join(_COUNTS[name] for name in names))
    parameters: dict[str, object] = {"ids": list(products), "most": MOST_VALUES}
    parameters |= {f"chosen_{name}": list(getattr(chosen, name)) for name in names if name not in PRICES}
    found = defaultdict(list)
    for row in connection.execute(query, parameters):
        picked = getattr(chosen, row.name)
        is_chosen = picked is not None if row.name in PRICES else row.value in picked
        found[row.name].append(FacetValue(row.value, row.products, is_chosen))
    return {name: Facet(name, tuple(found[name]), len(products) < SAMPLE) for name in names}


# The same as the views product_tags and product_facts have, looked up photo by photo: OFFSET 0 keeps the planner from
# reading all results of all photos instead.
_ROWS = """
    WITH product AS MATERIALIZED (
        SELECT id AS product_id, category, brand, price FROM products WHERE id = ANY(CAST(:ids AS bigint[]))),
    photo AS MATERIALIZED (
        SELECT product_id, image_id FROM product_images WHERE product_id = ANY(CAST(:ids AS bigint[]))),
    cut AS MATERIALIZED (
        SELECT m.id AS version_id, l.label, coalesce(own.threshold, general.threshold, 0.5) AS score
        FROM model_versions m CROSS JOIN unnest(m.labels) l (label)
        LEFT JOIN thresholds own ON own.model_name = m.name AND own.label = l.label
        LEFT JOIN thresholds general ON general.model_name = m.name AND general.label = ''
        WHERE m.state = 'serving' AND m.task = 'classify'),
    said AS MATERIALIZED (
        SELECT product_id, label, accepted FROM overrides WHERE product_id = ANY(CAST(:ids AS bigint[]))),
    tag AS (
        SELECT photo.product_id, c.label FROM photo
        CROSS JOIN LATERAL (
            SELECT model_version_id, label, score FROM classifications WHERE image_id = photo.image_id OFFSET 0) c
        JOIN cut ON cut.version_id = c.model_version_id AND cut.label = c.label AND c.score >= cut.score
        WHERE NOT EXISTS (SELECT FROM said WHERE said.product_id = photo.product_id AND said.label = c.label)
        UNION ALL SELECT product_id, label FROM said WHERE accepted),
    fact AS MATERIALIZED (
        SELECT photo.product_id, f.colour, f.background FROM photo
        CROSS JOIN LATERAL (SELECT * FROM photo_facts WHERE image_id = photo.image_id OFFSET 0) f
        JOIN serving_versions m ON m.id = f.model_version_id)
"""


# What is chosen is shown, however few products have it.
def _values(name: str, rows: str, column: str) -> str:
    return f"""(
        SELECT '{name}' AS name, {column} AS value, count(DISTINCT product_id) AS products
        FROM {rows} WHERE {column} <> '' GROUP BY {column}
        ORDER BY {column} = ANY(CAST(:chosen_{name} AS text[])) DESC, products DESC, {column} LIMIT :most)"""


def _price(name: str, function: str) -> str:
    return f"""
        SELECT '{name}' AS name, CAST(trim_scale({function}(price)) AS text) AS value, count(price) AS products
        FROM product HAVING count(price) > 0"""


_COUNTS = {
    "categories": _values("categories", "product", "category"),
    "tags": _values("tags", "tag", "label"),
    "brands": _values("brands", "product", "brand"),
    "colours": _values("colours", "fact", "colour"),
    "backgrounds": _values("backgrounds", "fact", "background"),
    "price_from": _price("price_from", "min"),
    "price_to": _price("price_to", "max"),
}
