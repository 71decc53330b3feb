"""Which pairs hang together: a group is all photos that pairs lead to, and is numbered by the first of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa


def join(connection: sa.Connection, pairs: Sequence[tuple[int, int]]) -> None:
    """Make one group of all that new pairs lead to; reads no more of a group than the pairs of these photos."""
    if not pairs:
        return
    photos = sorted({photo for pair in pairs for photo in pair})
    known = connection.execute(_KNOWN, {"photos": photos}).all()
    firsts = _firsts([*pairs, *((row.photo, row.group_id) for row in known)])
    moved = {row.group_id: firsts[row.group_id] for row in known if row.group_id != firsts[row.group_id]}
    if moved:
        connection.execute(_MOVE, {"groups": [*moved], "firsts": [*moved.values()]})


def regroup(connection: sa.Connection, photos: Sequence[int]) -> None:
    """Number the groups anew that these photos are, or were, in; pairs that people rejected hold nothing together."""
    if not photos:
        return
    pairs = connection.execute(_AROUND, {"photos": sorted({*photos})}).all()
    firsts = _firsts((row.image_id, row.other_id) for row in pairs)
    moved = {row.image_id: firsts[row.image_id] for row in pairs if row.group_id != firsts[row.image_id]}
    if moved:
        connection.execute(_NUMBER, {"photos": [*moved], "groups": [*moved.values()]})


def _firsts(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """For each photo the first of all that it hangs together with."""
    parent: dict[int, int] = {}

    def first(photo: int) -> int:
        while parent.setdefault(photo, photo) != photo:
            parent[photo] = parent[parent[photo]]
            photo = parent[photo]
        return photo

    for one, other in pairs:
        low, high = sorted((first(one), first(other)))
        parent[high] = low
    return {photo: first(photo) for photo in parent}


_KNOWN = sa.text(
    """
    SELECT image_id AS photo, group_id FROM near_duplicates
    WHERE image_id = ANY(CAST(:photos AS bigint[])) AND verdict IS DISTINCT FROM 'rejected'
    UNION SELECT other_id, group_id FROM near_duplicates
    WHERE other_id = ANY(CAST(:photos AS bigint[])) AND verdict IS DISTINCT FROM 'rejected'
    """
)

_MOVE = sa.text(
    """
    UPDATE near_duplicates n SET group_id = moved.first
    FROM unnest(CAST(:groups AS bigint[]), CAST(:firsts AS bigint[])) moved (group_id, first)
    WHERE n.group_id = moved.group_id AND n.verdict IS DISTINCT FROM 'rejected'
    """
)

_AROUND = sa.text(
    """
    SELECT image_id, other_id, group_id FROM near_duplicates
    WHERE verdict IS DISTINCT FROM 'rejected' AND group_id IN (
        SELECT group_id FROM near_duplicates WHERE image_id = ANY(CAST(:photos AS bigint[]))
        UNION SELECT group_id FROM near_duplicates WHERE other_id = ANY(CAST(:photos AS bigint[]))
    )
    """
)

_NUMBER = sa.text(
    """
    UPDATE near_duplicates n SET group_id = moved.group_id
    FROM unnest(CAST(:photos AS bigint[]), CAST(:groups AS bigint[])) moved (image_id, group_id)
    WHERE n.image_id = moved.image_id AND n.verdict IS DISTINCT FROM 'rejected' AND n.group_id <> moved.group_id
    """
)
