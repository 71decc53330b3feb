"""Groups of near-duplicates as people look at them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from catalog import places

SHOWN = f"{places.is_shown('n.image_id')} AND {places.is_shown('n.other_id')}"
"""SQL: products show both photos of the pair `n`. One that another took the place of is often much like that one."""


class State(StrEnum):
    """What people said of pairs; nobody has of those that are open."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Member:
    """A photo of a group; `skus` are of the products that show it."""

    image_id: int
    object_key: str
    width: int
    height: int
    skus: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Photos that look the same. `distance` and `similarity` are of its least alike pair."""

    group_id: int
    distance: int
    similarity: float
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Grouped:
    """Some groups by their numbers; `after` is where the next page begins, None on the last."""

    groups: tuple[Group, ...]
    after: int | None


def groups(connection: sa.Connection, state: State, *, size: int = 20, after: int = 0) -> Grouped:
    """Groups with pairs in this state of photos that products show, behind the group `after`."""
    parameters = {"after": after, "limit": size + 1}
    found = connection.execute(_GROUPS[state], parameters).all()
    shown = found[:size]
    members = _members(connection, [photo for row in shown for photo in row.photos])
    made = tuple(
        Group(
            row.group_id,
            row.distance,
            row.similarity,
            tuple(members[photo] for photo in sorted({*row.photos})),
        )
        for row in shown
    )
    return Grouped(made, shown[-1].group_id if len(found) > size else None)


def _members(connection: sa.Connection, photos: list[int]) -> dict[int, Member]:
    skus: defaultdict[int, list[str]] = defaultdict(list)
    rows = connection.execute(_MEMBERS, {"photos": sorted({*photos})}).all()
    for row in rows:
        skus[row.id].append(row.sku)
    return {
        row.id: Member(row.id, row.object_key, row.width, row.height, tuple(skus[row.id])) for row in rows
    }


def _statement(verdict: str) -> sa.TextClause:
    return sa.text(
        f"""
        SELECT group_id, max(distance) AS distance, min(similarity) AS similarity,
               array_agg(image_id) || array_agg(other_id) AS photos
        FROM near_duplicates n WHERE verdict {verdict} AND group_id > :after AND {SHOWN}
        GROUP BY group_id ORDER BY group_id LIMIT :limit
        """
    )


_GROUPS = {
    State.OPEN: _statement("IS NULL"),
    State.ACCEPTED: _statement("= 'accepted'"),
    State.REJECTED: _statement("= 'rejected'"),
}

_MEMBERS = sa.text(
    """
    SELECT i.id, i.object_key, i.width, i.height, p.sku FROM images i
    JOIN product_images pi ON pi.image_id = i.id JOIN products p ON p.id = pi.product_id
    WHERE i.id = ANY(CAST(:photos AS bigint[])) ORDER BY i.id, p.sku
    """
)
