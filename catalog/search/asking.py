"""What words ask for: words to look up, labels that they name or come near, and what they mean as a vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from catalog.search import spelling, tags
from catalog.search.meaning import Meaning, Vector, literal
from catalog.search.spelling import Spelt
from catalog.search.tags import Cuts
from catalog.search.words import split

NEAR = 0.42
"""Cosine from which a label is near to words; of all-MiniLM-L6-v2, "trainers" and "Sneaker" have 0.43."""
STANDS_OUT = 1.5
"""Standard deviations that it must be above all labels: some words are a little near to every label."""
BESIDE_THE_BEST = 0.05
MOST_LABELS = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """`named` are labels, `near` those that the words are only near to; `colours` are words that photos' colours have.

    `vector` is what all words mean, where that can be asked.
    """

    spelt: tuple[Spelt, ...]
    named: Cuts
    near: Cuts
    colours: tuple[str, ...]
    vector: Vector | None

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(one.word for one in self.spelt)

    @property
    def corrected(self) -> str | None:
        """The words as they are searched for, where that is not as they were typed."""
        return None if all(one.word == one.typed for one in self.spelt) else " ".join(self.words)

    def tsquery(self, operator: str) -> str:
        """The words joined by `&` or `|`, as `to_tsquery` reads them. They are letters and digits alone."""
        return f" {operator} ".join(one.word + (":*" if one.begins else "") for one in self.spelt)


def ask(connection: sa.Connection, words: Sequence[str], meaning: Meaning | None) -> Asked:
    """What `words` (see `words.query`) ask for."""
    named = _named(connection, words)
    of_labels = {word for label in named for word in split(label)}
    spelt = tuple(spelling.spell(connection, words, of_labels))
    if any(one.word != one.typed for one in spelt):
        named = _named(connection, [one.word for one in spelt])
    near: list[str] = []
    vector = None
    if meaning is not None and spelt:
        text = " ".join(one.word for one in spelt)
        vector = meaning.embed([text])[0]
        near = [label for label in _near(connection, meaning, vector) if label not in named]
    colours = tuple(connection.scalars(_COLOURS, {"words": [one.word for one in spelt]}))
    named, near = named[:MOST_LABELS], near[:MOST_LABELS]
    wanted = tags.cuts(connection, [*named, *near])
    return Asked(spelt, wanted.of(named), wanted.of(near), colours, vector)


def _named(connection: sa.Connection, words: Sequence[str]) -> list[str]:
    """Labels of which the words hold all, or all of one of its names: of "T-shirt/top", "top"."""
    return list(connection.scalars(_NAMED, {"words": list(words)})) if words else []


def _near(connection: sa.Connection, meaning: Meaning, vector: Vector) -> list[str]:
    rows = connection.execute(_LABELS, {"model": meaning.name, "vector": literal(vector)}).all()
    if not rows:
        return []
    scores = np.array([row.score for row in rows])
    bar = max(NEAR, scores[0] - BESIDE_THE_BEST, scores.mean() + STANDS_OUT * scores.std())
    return [row.label for row in rows if row.score >= min(bar, scores[0]) and row.score >= NEAR]


# A taxonomy's translated names would be further names of a label here.
_NAMED = sa.text(
    """
    WITH typed AS MATERIALIZED (
        SELECT to_tsvector('english', array_to_string(CAST(:words AS text[]), ' ')) AS words),
    names AS MATERIALIZED (
        SELECT DISTINCT label, one AS name FROM model_versions m, unnest(m.labels) label,
               unnest(string_to_array(label, '/')) one
        WHERE m.state = 'serving' AND m.task = 'classify')
    SELECT DISTINCT label FROM names, typed
    WHERE typed.words @@ plainto_tsquery('english', regexp_replace(name, '[^[:alnum:]]+', ' ', 'g'))
    ORDER BY label
    """
)

# One look into the index for each word. Asked for `f.colour = word`, the planner expects a row soon, and reads all
# photos for a word that is no colour.
_COLOURS = sa.text(
    """
    SELECT DISTINCT word FROM unnest(CAST(:words AS text[])) word
    WHERE word = (SELECT f.colour FROM photo_facts f WHERE f.colour >= word ORDER BY f.colour LIMIT 1)
    """
)

_LABELS = sa.text(
    """
    SELECT label, 1 - (embedding <=> CAST(:vector AS halfvec)) AS score FROM label_texts WHERE model = :model
    ORDER BY score DESC, label LIMIT 1000
    """
)
