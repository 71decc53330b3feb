"""What would change: two model versions over the products whose photos both have seen.

It is the models that are compared, so labels count from their thresholds, and people's overrides are left aside.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from catalog import versions
from catalog.diff_sql import DIFF, PHOTOS, label_statement
from catalog.errors import NotComparable
from catalog.filters import Filter
from catalog.versions import Version

FLOWS = 200
"""Label flows that are told, the most frequent."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions of one task."""

    old: Version
    new: Version

    @property
    def ids(self) -> dict[str, int]:
        return {"old": self.old.id, "new": self.new.id}


@dataclass(frozen=True, slots=True)
class Photos:
    """How many photos each version has done, and both; nothing found is done, too."""

    old: int
    new: int
    both: int


@dataclass(frozen=True, slots=True)
class Category:
    """Products of a category that were compared, and those of them that changed; None is of no category."""

    category: str | None
    compared: int
    changed: int


@dataclass(frozen=True, slots=True)
class Flow:
    """How often `before` became `after`: once a product when photos are classified, else once a photo of a product.

    None before is a label gained, None after one lost; the same on both sides is an area that changed by more than a
    tenth of the photo. Scores are means.
    """

    before: str | None
    after: str | None
    count: int
    score_before: float | None
    score_after: float | None


@dataclass(frozen=True, slots=True)
class Changed:
    """A product that changed, and the photo in which it did; 0 for the product as a whole."""

    product_id: int
    image_id: int


@dataclass(frozen=True, slots=True)
class LabelDiff:
    """Products with other labels, or, for boxes, other numbers of them in a photo.

    Scores are the means of all labels that count. `examples` are spread over the categories.
    """

    compared: int
    changed: int
    score_before: float | None
    score_after: float | None
    categories: tuple[Category, ...]
    flows: tuple[Flow, ...]
    examples: tuple[Changed, ...]


def pair(connection: sa.Connection, first: str, second: str | None) -> Pair:
    """The versions to compare: `first` with `second`, or what serves under its name with `first`.

    Raises UnknownModel, NotComparable.
    """
    if second is None:
        new = versions.find(connection, first)
        old = versions.find(connection, new.name)
    else:
        old, new = versions.find(connection, first), versions.find(connection, second)
    if old.id == new.id:
        raise NotComparable(f"{new.key} would be compared with itself; name two versions, as NAME@VERSION")
    if old.task != new.task:
        raise NotComparable(
            f"{old.key} is there to {old.task}, {new.key} to {new.task}; compare like with like"
        )
    if old.task == "describe":
        raise NotComparable(
            f"{new.key} measures photos and gives no labels; compare the rows of both in `photo_facts`"
        )
    return Pair(old, new)


def photos_done(connection: sa.Connection, pair: Pair, products: Filter) -> Photos:
    """Of `products` only. Raises NotComparable where there is none that both have done."""
    meant, parameters = products.of_image("w.image_id")
    row = connection.execute(sa.text(PHOTOS.format(meant=meant)), {**parameters, **pair.ids}).one()
    done = Photos(**row._mapping)
    if not done.both:
        fewer = pair.old if done.old < done.new else pair.new
        raise NotComparable(
            f"no photo{' that fits' if products.conditions else ''} was done by both: {done.old:,} by {pair.old.key}, "
            f"{done.new:,} by {pair.new.key}; run `tagmill process {fewer.key}` and `tagmill worker --drain` first"
        )
    return done


def diff_labels(connection: sa.Connection, pair: Pair, products: Filter, limit: int) -> LabelDiff:
    """Of classifiers, detectors or segmenters; at most `limit` examples. Raises NotComparable: no product shows."""
    connection.execute(sa.text("SET LOCAL work_mem = '256MB'"))  # sorting on disk takes several times as long
    changes, parameters = label_statement(pair.old.task, products)
    row = connection.execute(
        sa.text(f"{changes} {DIFF}"), {**parameters, **pair.ids, "flows": FLOWS, "limit": limit}
    ).one()
    check_compared(row.compared)
    return LabelDiff(
        row.compared,
        row.changed,
        row.score_before,
        row.score_after,
        tuple(Category(**one) for one in row.categories or ()),
        tuple(Flow(**one) for one in row.flows or ()),
        tuple(Changed(**one) for one in row.examples or ()),
    )


def check_compared(products: int) -> None:
    if not products:
        raise NotComparable("the photos that both have done belong to no product, so no product is compared")
