"""People's word on groups of near-duplicates. It survives every later run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sa

from catalog import locks
from catalog.errors import BadAuthor, UnknownGroup
from catalog.near_duplicates.groups import SHOWN
from catalog.near_duplicates.regroup import regroup

Verdict = Literal["accepted", "rejected"]
LARGEST = 2**63 - 1
LONGEST_AUTHOR = 200


def decide(
    connection: sa.Connection,
    group: int,
    verdict: Verdict,
    author: str,
    *,
    photo: int | None = None,
    seen: Sequence[int] | None = None,
) -> int:
    """Set the verdict on the undecided pairs of a group, or on all pairs of one of its photos; how many that are.

    Nobody sees pairs of photos that no product shows, so they stay as they are. Of `seen`, where it is given, are the
    photos that somebody looked at: pairs with others stay, too. A photo whose pairs are all rejected leaves the group.
    Raises UnknownGroup, BadAuthor.
    """
    _check_author(author)
    locks.hold_duplicates(connection)
    there = {"group": group, "photo": photo}
    if max(group, photo or 0) > LARGEST or not connection.scalar(_THERE, there):
        of = "" if photo is None else f" with the photo {photo}"
        raise UnknownGroup(f"there is no group {group}{of}; `tagmill duplicates list` shows those there are")
    said = {"verdict": verdict, "author": author, "seen": None if seen is None else [*seen]}
    decided = connection.execute(_DECIDE, {**there, **said}).all()
    regroup(connection, [photo for pair in decided for photo in pair])
    return len(decided)


def take_back(connection: sa.Connection, group: int, author: str) -> int:
    """Undo the last decision of this author on a group: its pairs are undecided again; how many that are."""
    locks.hold_duplicates(connection)
    pairs = connection.execute(_TAKE_BACK, {"group": group, "author": author}).all()
    regroup(connection, [photo for pair in pairs for photo in pair])
    return len(pairs)


def _check_author(author: str) -> None:
    if not (author.strip() and author.isprintable() and len(author) <= LONGEST_AUTHOR):
        raise BadAuthor(
            f"{author[:40]!r} names nobody: write whose word it is, in 1 to {LONGEST_AUTHOR} characters"
        )


_MEANT = f"""
    group_id = :group AND {SHOWN}
    AND (CAST(:photo AS bigint) IS NULL OR CAST(:photo AS bigint) IN (image_id, other_id))
"""

_THERE = sa.text(f"SELECT EXISTS (SELECT FROM near_duplicates n WHERE {_MEANT})")

_DECIDE = sa.text(
    f"""
    UPDATE near_duplicates n SET verdict = :verdict, author = :author, decided_at = now()
    WHERE {_MEANT} AND (verdict IS NULL OR CAST(:photo AS bigint) IS NOT NULL)
      AND (CAST(:seen AS bigint[]) IS NULL OR (image_id = ANY(:seen) AND other_id = ANY(:seen)))
    RETURNING image_id, other_id
    """
)

# The pairs of one decision have the same time. Those that were rejected have kept their group's number.
_TAKE_BACK = sa.text(
    """
    UPDATE near_duplicates SET verdict = NULL, author = NULL, decided_at = NULL
    WHERE group_id = :group AND author = :author AND decided_at = (
        SELECT max(decided_at) FROM near_duplicates WHERE group_id = :group AND author = :author)
    RETURNING image_id, other_id
    """
)
