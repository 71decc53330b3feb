"""Which pairs hang together: a group is all photos that pairs lead to, and is numbered by the first of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa


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
