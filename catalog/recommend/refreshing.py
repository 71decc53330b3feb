"""What is made of interactions once a night: which products and categories go together, and what is popular."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from catalog import locks
from catalog.recommend.weights import counts

HISTORY_DAYS = 180
"""Interactions older than this, seen from the newest, are left out."""
WINDOW_DAYS = 14
"""Products go together where a shopper dealt with both within so long."""
PRODUCTS = 100
"""Of a shopper the newest so many count: pairs grow with the square, and a robot has a million."""
SHOPPERS = 2
"""A pair is kept from so many shoppers on: what one of them did alone is nobody else's business."""
SHRINKAGE = 2
PAIRS, CATEGORIES = 25, 10
"""Kept a product and kind, within its category and across; kept a category."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Rows there are now."""

    pairs: int
    popular: int
    categories: int


def refresh(engine: sa.Engine) -> Refreshed | None:
    """Make it all anew, in one transaction: readers see what was before until all is there. None: another is at it.

    Memory is that of a few sorts and hashes; what does not fit goes to disk.
    """
    with locks.turn(engine, "shoppers") as turn:
        if turn is None:
            return None
        with engine.begin() as connection:
            for statement in (_MEMORY, *_FRESH):
                connection.execute(sa.text(statement))
            done = Refreshed(*connection.execute(_COUNTS).one())
            connection.execute(_SWAP)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM (ANALYZE) product_pairs, product_popularity, category_pairs"))
    return done


_MEMORY = "SET LOCAL work_mem = '64MB'"

# A shopper counts once a product, by the strongest thing done. Numbers stand for names, which are long to compare.
_RECENT = f"""
    CREATE TEMP TABLE recent ON COMMIT DROP AS
    WITH newest AS (SELECT max(happened_at) AS at FROM interactions),
    one AS (
        SELECT i.shopper, i.product_id, max(i.happened_at) AS at,
               max(i.happened_at) FILTER (WHERE i.kind <> 'view') AS basket_at, max({counts("i", "n.at")}) AS weight
        FROM newest n JOIN interactions i ON i.happened_at > n.at - interval '{HISTORY_DAYS} days' GROUP BY 1, 2
    ),
    numbered AS (
        SELECT dense_rank() OVER (ORDER BY shopper COLLATE "C") AS shopper, product_id, at, basket_at, weight,
               row_number() OVER (PARTITION BY shopper COLLATE "C" ORDER BY at DESC, product_id) AS place
        FROM one
    )
    SELECT n.shopper, n.product_id, p.category, n.at, n.basket_at, n.weight
    FROM numbered n JOIN products p ON p.id = n.product_id WHERE n.place <= {PRODUCTS}
"""
_BASKETS = """
    CREATE TEMP TABLE baskets ON COMMIT DROP AS
    SELECT shopper, product_id, category, basket_at AS at FROM recent WHERE basket_at IS NOT NULL
"""
_AISLES = """
    CREATE TEMP TABLE aisles ON COMMIT DROP AS
    SELECT shopper, category, max(at) AS at FROM baskets WHERE category IS NOT NULL GROUP BY 1, 2
"""
_POPULARITY = """
    CREATE TEMP TABLE fresh_popularity ON COMMIT DROP AS
    SELECT product_id, min(category) AS category, sum(weight)::real AS score FROM recent GROUP BY product_id
"""


def _together(column: str, rows: str, made: str, kept: int) -> str:
    """The best pairs of values of `column` in `rows`, a table of shopper, category and at; each from both sides.

    `kept` of those within a category, and as many of those across.
    """
    return f"""
    CREATE TEMP TABLE {made} ON COMMIT DROP AS
    WITH shared AS (
        SELECT a.{column} AS one, b.{column} AS other, count(*)::int AS shoppers FROM {rows} a
        JOIN {rows} b ON b.shopper = a.shopper AND b.{column} > a.{column}
             AND b.at BETWEEN a.at - interval '{WINDOW_DAYS} days' AND a.at + interval '{WINDOW_DAYS} days'
        GROUP BY 1, 2 HAVING count(*) >= {SHOPPERS}
    ),
    alone AS (SELECT {column} AS one, min(category) AS category, count(*) AS shoppers FROM {rows} GROUP BY 1),
    scored AS (
        SELECT s.one, s.other, s.shoppers, x.category = y.category AS within,
               (s.shoppers / sqrt(x.shoppers::float8 * y.shoppers)
                * s.shoppers / (s.shoppers + {SHRINKAGE}))::real AS score
        FROM shared s JOIN alone x ON x.one = s.one JOIN alone y ON y.one = s.other
    ),
    sides AS (SELECT * FROM scored UNION ALL SELECT other, one, shoppers, within, score FROM scored)
    SELECT one, other, score, shoppers FROM (
        SELECT *, row_number() OVER (PARTITION BY one, within IS TRUE ORDER BY score DESC, other) AS place FROM sides
    ) ranked WHERE place <= {kept}
    """


_FRESH = (
    *(_RECENT, "ANALYZE recent", _BASKETS, "ANALYZE baskets", _AISLES, _POPULARITY),
    _together("product_id", "recent", "fresh_seen", PAIRS),
    _together("product_id", "baskets", "fresh_baskets", PAIRS),
    _together("category", "aisles", "fresh_aisles", CATEGORIES),
)

_COUNTS = sa.text(
    """
    SELECT (SELECT count(*) FROM fresh_seen) + (SELECT count(*) FROM fresh_baskets),
           (SELECT count(*) FROM fresh_popularity), (SELECT count(*) FROM fresh_aisles)
    """
)

# Pairs in the order of their key, so that those of a product lie together.
_SWAP = sa.text(
    """
    DELETE FROM product_pairs;
    DELETE FROM product_popularity;
    DELETE FROM category_pairs;
    INSERT INTO product_pairs (product_id, kind, other_id, score, shoppers)
    SELECT one, kind, other, score, shoppers FROM (
        SELECT *, 'seen' AS kind FROM fresh_seen UNION ALL SELECT *, 'basket' FROM fresh_baskets
    ) pairs ORDER BY 1, 2, 3;
    INSERT INTO product_popularity (product_id, category, score)
    SELECT product_id, category, score FROM fresh_popularity;
    INSERT INTO category_pairs (category, other, score, shoppers)
    SELECT one, other, score, shoppers FROM fresh_aisles;
    """
)
