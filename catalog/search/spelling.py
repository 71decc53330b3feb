"""Words as people type them: misspelt, or not yet finished.

Symmetric deletion, as in SymSpell (W. Garbe, 2012): two words are near each other where both become the same by leaving
letters out. What is left of the known words stands in an index; only the typed word is altered at search time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import sqlalchemy as sa

PREFIX = 7
"""Letters of a word whose deletions are kept: 29 at most. The rest is compared afterwards."""
_NORMAL = re.compile(r"[^\W\d_]{3,24}")


@dataclass(frozen=True, slots=True)
class Spelt:
    """A typed word, what is searched for in its place, and whether it is the beginning of a word."""

    typed: str
    word: str
    begins: bool = False


def is_normal(word: str) -> bool:
    """Whether misspellings of it are looked for: letters alone, not too few and not too many."""
    return _NORMAL.fullmatch(word) is not None


def errors_allowed(word: str) -> int:
    """How many letters may be wrong: none in 3, one in 4 to 7, two in longer ones."""
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


def deletions(word: str) -> list[str]:
    """The beginning of a word, and what is left of it without one or two letters."""
    start = word[:PREFIX]
    found = {start}
    for count in range(1, errors_allowed(word) + 1):
        for kept in combinations(range(len(start)), len(start) - count):
            found.add("".join(start[k] for k in kept))
    return sorted(found)


def distance(one: str, other: str) -> int:
    """Letters added, left out, replaced, or swapped with their neighbour (optimal string alignment)."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def spell(
    connection: sa.Connection,
    words: Sequence[str],
    known: AbstractSet[str] = frozenset(),
    vocabulary: Callable[[], Iterable[str]] = tuple,
) -> list[Spelt]:
    """Each word as it is, or corrected where it is not `known`; `vocabulary` are words that are meant sooner than
    others as near.

    A last word that nothing has stands for all words that begin so.
    """
    spelt = []
    for place, word in enumerate(words):
        if word in known or not is_normal(word):
            spelt.append(Spelt(word, word))
        elif place == len(words) - 1 and connection.scalar(_BEGINS, _range(word)):
            spelt.append(Spelt(word, word, begins=True))
        else:
            spelt.append(Spelt(word, _nearest(connection, word, vocabulary()) or word))
    return spelt


def _range(word: str) -> dict[str, str]:
    return {"word": word, "behind": word + "\U0010ffff"}


def _nearest(connection: sa.Connection, word: str, vocabulary: Iterable[str]) -> str | None:
    """The known word that is meant most probably: the nearest, of these one of `vocabulary`, or what is seen most."""
    allowed = errors_allowed(word)
    if not allowed:
        return None
    rows: Sequence[sa.Row[Any]] = connection.execute(
        _NEAR, {"deletions": deletions(word), "length": len(word)}
    ).all()
    measured = [(distance(word, row.word), 1, -row.seen, row.word) for row in rows]
    first = {one for one in vocabulary if abs(len(one) - len(word)) <= allowed and _may_be(word, one)}
    measured += [(distance(word, one), 0, 0, one) for one in first]
    fitting = [one for one in measured if one[0] <= allowed]
    return min(fitting)[3] if fitting else None


def _may_be(word: str, other: str) -> bool:
    """Quickly, whether they have most letters in common; a swap changes none."""
    return len(set(word) ^ set(other)) <= 2 * errors_allowed(word)


_BEGINS = sa.text("SELECT true FROM known_words WHERE word > :word AND word < :behind LIMIT 1")

_NEAR = sa.text(
    """
    SELECT word, seen FROM known_words
    WHERE deletions && CAST(:deletions AS text[]) AND length(word) BETWEEN :length - 2 AND :length + 2
    ORDER BY seen DESC LIMIT 2000
    """
)
