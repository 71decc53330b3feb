"""What the catalog knows of words as they are typed, in one look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.search.names import VERSION


@dataclass(frozen=True, slots=True)
class Looked:
    """Words as they were looked for, and of each its English stem; None for words such as "the".

    `known` are those that some text has, or that say nothing; `colours` those that are the colour of any photo.
    `labels` is the version of all labels, see `names.VERSION`; `is_sku`: all that was typed is the sku of a product.
    """

    words: tuple[str, ...]
    stems: tuple[str | None, ...]
    known: frozenset[str]
    colours: tuple[str, ...]
    labels: str
    is_sku: bool

    @property
    def stem_of(self) -> dict[str, str | None]:
        """Stems by word, in the words' order."""
        return dict(zip(self.words, self.stems, strict=True))


def look(connection: sa.Connection, words: Sequence[str], typed: str) -> Looked:
    """What is known of each, and of all that was `typed`."""
    row = connection.execute(_LOOK, {"words": list(words), "skus": skus(typed)}).one()
    colours = tuple(dict.fromkeys(row.colours))
    return Looked(tuple(words), tuple(row.stems), frozenset(row.known), colours, row.labels, row.is_sku)


def skus(typed: str) -> list[str]:
    """What a sku may be, in the case that was typed or another."""
    plain = typed.strip()
    return list(dict.fromkeys((plain, plain.upper(), plain.lower())))


# For colours one look into the index a word: asked for `f.colour = word`, the planner expects a row soon, and reads all
# photos for a word that is no colour.
_LOOK = sa.text(
    f"""
    WITH typed AS MATERIALIZED (
        SELECT word, place, ts_lexize('english_stem', word) AS stem
        FROM unnest(CAST(:words AS text[])) WITH ORDINALITY typed (word, place))
    SELECT ({VERSION}) AS labels,
        EXISTS (SELECT FROM products WHERE sku = ANY(CAST(:skus AS text[]))) AS is_sku,
        ARRAY(SELECT stem[1] FROM typed ORDER BY place) AS stems,
        ARRAY(SELECT word FROM typed
              WHERE EXISTS (SELECT FROM known_words k WHERE k.word = typed.word COLLATE "C")
                 OR EXISTS (SELECT FROM known_words k WHERE k.lexeme = ANY(stem))
                 OR stem = '{{}}') AS known,
        ARRAY(SELECT word FROM typed
              WHERE word = (SELECT f.colour FROM photo_facts f WHERE f.colour >= word ORDER BY f.colour LIMIT 1)
              ORDER BY place) AS colours
    """
)
