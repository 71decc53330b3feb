"""What labels of classifiers that serve are called: by the models, and in the shop's taxonomy, in any language; and
from which score on each counts.

Labels are few, and asked for with each search, so a process keeps them until one of them changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.search import tags
from catalog.search.tags import Cuts
from catalog.search.words import split

KEPT = 4
"""Sets of labels that a process keeps, each by what it was made of."""
_kept: dict[str, Labels] = {}


@dataclass(frozen=True, slots=True)
class Name:
    """One of a label's names as words, and their English stems without words such as "the"."""

    label: str
    words: str
    stems: frozenset[str]


@dataclass(frozen=True, slots=True)
class Labels:
    """All names of all labels, and their cut-offs."""

    names: tuple[Name, ...]
    cuts: Cuts


@dataclass(frozen=True, slots=True)
class Named:
    """What typed words are among all `labels`.

    `found` are the names of which they hold all words: "red boots" holds "boot", and not "ankle boot". `thing` are the
    words that are of these.
    """

    labels: Labels
    found: tuple[Name, ...]
    thing: tuple[str, ...]


def every(connection: sa.Connection) -> tuple[Name, ...]:
    """All names of all labels."""
    return _labels(connection, _version(connection)).names


def named(connection: sa.Connection, version: str, stems: Mapping[str, str | None]) -> Named:
    """Which names words with these `stems` hold; `version` is that of the labels, see `VERSION`."""
    labels = _labels(connection, version)
    given = set(stems.values())
    found = tuple(name for name in labels.names if name.stems and name.stems <= given)
    of_names = {stem for name in found for stem in name.stems}
    return Named(labels, found, tuple(word for word, stem in stems.items() if stem in of_names))


def vocabulary(every_name: Iterable[Name]) -> set[str]:
    """The words of names, and their English plurals."""
    singular = {word for name in every_name for word in name.words.split()}
    return singular | {f"{word}s" for word in singular if not word.endswith("s")}


def _labels(connection: sa.Connection, version: str) -> Labels:
    if (found := _kept.get(version)) is not None:
        return found
    names = _read(connection)
    labels = Labels(names, tags.cuts(connection, sorted({name.label for name in names})))
    if _version(connection) == version:  # else they changed meanwhile, and may be that again
        if len(_kept) >= KEPT:
            _kept.clear()
        _kept[version] = labels
    return labels


def _version(connection: sa.Connection) -> str:
    return str(connection.scalar(sa.text(VERSION)))


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
VERSION = """
    SELECT coalesce((SELECT sum(hash_record_extended(ROW(id, name, labels), 0)) FROM model_versions
                     WHERE state = 'serving' AND task = 'classify')
                    || ' ' || (SELECT coalesce(sum(hash_record_extended(ROW(model_name, label, threshold), 0)), 0)
                               FROM thresholds)
                    || ' ' || (SELECT coalesce(sum(hash_record_extended(t.*, 0)), 0) FROM taxonomy t), '')
"""
"""SQL of a text that changes with the labels, their names or their cut-offs."""

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
