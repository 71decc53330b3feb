"""What labels of classifiers that serve are called: by the models, and in the shop's taxonomy, in any language.

Names are few, and asked for with each search, so a process keeps them until one of them changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.search.words import split

KEPT = 4
"""Sets of names that a process keeps, each by what it was made of."""
_kept: dict[str, tuple[Name, ...]] = {}


@dataclass(frozen=True, slots=True)
class Name:
    """One of a label's names as words, and their English stems without words such as "the"."""

    label: str
    words: str
    stems: frozenset[str]


def every(connection: sa.Connection) -> tuple[Name, ...]:
    """All names of all labels."""
    return _names(connection, connection.scalar(_VERSION))


def named(connection: sa.Connection, words: Sequence[str]) -> tuple[list[Name], tuple[str, ...]]:
    """Names of which `words` hold all words, by label: "red boots" holds "boot", and not "ankle boot"; and the words
    that are of these names.
    """
    row = connection.execute(_TYPED, {"words": list(words)}).one()
    stems = set(row.stems)
    found = [name for name in _names(connection, row.version) if name.stems and name.stems <= stems]
    of_names = {stem for name in found for stem in name.stems}
    return found, tuple(word for word, stem in zip(words, row.stems, strict=True) if stem in of_names)


def vocabulary(connection: sa.Connection) -> set[str]:
    """The words of all names, and their English plurals."""
    singular = {word for name in every(connection) for word in name.words.split()}
    return singular | {f"{word}s" for word in singular if not word.endswith("s")}


def _names(connection: sa.Connection, version: str) -> tuple[Name, ...]:
    if version not in _kept:
        if len(_kept) >= KEPT:
            _kept.clear()
        _kept[version] = _read(connection)
    return _kept[version]


def _read(connection: sa.Connection) -> tuple[Name, ...]:
    said = {(row.label, " ".join(split(row.name))) for row in connection.execute(_NAMES)}
    every_word = sorted({word for _, words in said for word in words.split()})
    stems = {row.word: row.stem for row in connection.execute(_STEMS, {"words": every_word})}
    return tuple(
        Name(label, words, frozenset(stems[word] for word in words.split()) - {None})
        for label, words in sorted(said)
        if words
    )


# Adding up hashes of the rows takes a tenth of reading them.
_OF_ALL = """
    SELECT (SELECT sum(hash_record_extended(ROW(name, labels), 0)) FROM model_versions
            WHERE state = 'serving' AND task = 'classify')
           || ' ' || (SELECT coalesce(sum(hash_record_extended(t.*, 0)), 0) FROM taxonomy t)
"""
_VERSION = sa.text(f"SELECT coalesce(({_OF_ALL}), '')")

_TYPED = sa.text(
    f"""
    SELECT coalesce(({_OF_ALL}), '') AS version,
           ARRAY(SELECT (ts_lexize('english_stem', word))[1] FROM unnest(CAST(:words AS text[])) word) AS stems
    """
)

_NAMES = sa.text(
    """
    SELECT DISTINCT l.label, n.name FROM model_versions m
    CROSS JOIN unnest(m.labels) l (label)
    LEFT JOIN taxonomy t ON t.model_name = m.name AND t.label = l.label
    CROSS JOIN LATERAL (
        SELECT unnest(string_to_array(l.label, '/'))
        UNION ALL SELECT regexp_replace(t.category, '^.*>', '')
        UNION ALL SELECT value FROM jsonb_each_text(t.names)) n (name)
    WHERE m.state = 'serving' AND m.task = 'classify' AND n.name <> ''
    """
)

_STEMS = sa.text(
    "SELECT word, (ts_lexize('english_stem', word))[1] AS stem FROM unnest(CAST(:words AS text[])) word"
)
